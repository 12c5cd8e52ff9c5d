/*
 * credential.h - a certificate chain and its key, ready for a handshake.
 *
 * The process that may read the files loads it (judge/credential_load.h); the others get
 * it as bytes (credential_pack / credential_unpack). Private key material lives in
 * OpenSSL's secure heap (locked, not dumped, wiped when freed): call secrets_init()
 * first. Reference counted with plain ints: one thread.
 */
#ifndef WLBPROXY_CERTSTORE_CREDENTIAL_H
#define WLBPROXY_CERTSTORE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>

struct error;

/* The facts about a certificate that logs, `status` and `reload` show. */
struct credential_summary {
    char subject[256];
    char names[512]; /* DNS and IP SANs, comma separated; else the CN */
    char issuer[256];
    char serial[64]; /* hex */
    char sha256[65]; /* lower-case hex of the leaf's DER */
    char key[32]; /* "RSA 2048", "EC P-256", "Ed25519" */
    time_t not_before, not_after;
    size_t chain_len; /* certificates sent, leaf included */
    bool self_signed; /* like the placeholder of a setup wizard */
};

struct credential;

/* Sets up the secure heap and keeps the process out of core dumps. Call it once, at
 * process start. False only if not even unlocked secure memory could be had. */
bool secrets_init(struct error *err);

/* A chain and its key that have been judged, and can be served. */
struct judged_pair {
    X509 *leaf;
    struct stack_st_X509 *chain; /* in the order to send, without the leaf */
    struct stack_st_X509 *unsent; /* roots that send_root = off trimmed; may be NULL */
    EVP_PKEY *key;
    unsigned char *key_der; /* secret; as it was in the file */
    size_t key_der_len;
};
void judged_pair_destroy(struct judged_pair *pair);

/* Takes the pair over: *pair is empty afterwards. */
struct credential *credential_of_pair(struct judged_pair *pair);

/* Returns the bytes for another process, with or without the key; with it they are
 * secret. Never NULL. Free with secrets_free(). */
char *credential_pack(const struct credential *credential, bool with_key, size_t *len);

/* Without the key in the bytes, credential_key() is the public half. `read_key` is
 * private_key_parse(), or NULL where no private key may be read. */
typedef EVP_PKEY *credential_key_reader(
    const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx);
struct credential *credential_unpack(const char *bytes, size_t len, OSSL_LIB_CTX *libctx,
    credential_key_reader *read_key, struct error *err);

/* The private key as DER, borrowed and secret. NULL where there is the public half
 * only. */
const unsigned char *credential_key_der(const struct credential *credential, size_t *len);
/* certificate_key_number() of the leaf. */
uint64_t credential_key_number(const struct credential *credential);

/* Wipes and frees memory from this module; NULL is fine. */
void secrets_free(char *bytes, size_t len);

/* Not from several threads at a time. */
struct credential *credential_ref(struct credential *credential);
void credential_unref(struct credential *credential);

const struct credential_summary *credential_summary(const struct credential *credential);

/* True for an equal leaf, chain and key: the reload calls that "unchanged". */
bool credential_equal(const struct credential *a, const struct credential *b);

/* Borrowed, and valid as long as the credential. */
const struct judged_pair *credential_pair(const struct credential *credential);
X509 *credential_leaf(const struct credential *credential);
struct stack_st_X509 *credential_chain(
    const struct credential *credential); /* without the leaf */
EVP_PKEY *credential_key(const struct credential *credential);

/* Describes the i-th certificate sent, 0 the leaf, without OpenSSL's types. False beyond
 * the last. */
bool credential_member(const struct credential *credential, size_t i, char *subject,
    size_t size, time_t *not_before, time_t *not_after);

#endif
