/*
 * credential.h - a certificate chain and its key, ready for a handshake.
 *
 * Loaded from files by the process that may read them (judge/credential_load.h), carried
 * to the others as bytes (credential_pack / credential_unpack). Private key material
 * lives in OpenSSL's secure heap (locked, not dumped, wiped when freed): call
 * secrets_init() first. Reference counted with plain ints: one thread.
 */
#ifndef WLBPROXY_CERTSTORE_CREDENTIAL_H
#define WLBPROXY_CERTSTORE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/types.h>

struct error;

/* What logs, `status` and `reload` say about a certificate. */
struct credential_summary {
    char subject[256];
    char names[512]; /* DNS and IP SANs, comma separated; else the CN */
    char issuer[256];
    char serial[64]; /* hex */
    char sha256[65]; /* lower-case hex of the leaf's DER */
    char key[32]; /* "RSA 2048", "EC P-256", "Ed25519" */
    time_t not_before, not_after;
    size_t chain_len; /* certificates sent, leaf included */
    bool self_signed; /* the leaf is, as the placeholder of a setup wizard is */
};

struct credential;

/* Sets up the secure heap and tells the kernel not to dump us. Once, at process start.
 * False only if not even unlocked secure memory could be had. */
bool secrets_init(struct error *err);

/* A chain and its key that have been judged: what is to be served. */
struct judged_pair {
    X509 *leaf;
    struct stack_st_X509 *chain; /* in the order to send, without the leaf */
    struct stack_st_X509
        *unsent; /* the roots that send_root = off trimmed; may be NULL */
    EVP_PKEY *key;
    unsigned char *key_der; /* secret; as it was in the file */
    size_t key_der_len;
};
void judged_pair_destroy(struct judged_pair *pair);

/* Takes the pair over: *pair is empty afterwards. */
struct credential *credential_of_pair(struct judged_pair *pair);

/* The bytes for another process, the key among them or not: with it secret. NULL never;
 * free with secrets_free(). */
char *credential_pack(const struct credential *credential, bool with_key, size_t *len);

/* Without the key in the bytes credential_key() is the public half. `read_key` is
 * private_key_parse(), or NULL where no private key is to be read. */
typedef EVP_PKEY *credential_key_reader(
    const unsigned char *der, size_t len, OSSL_LIB_CTX *libctx);
struct credential *credential_unpack(const char *bytes, size_t len, OSSL_LIB_CTX *libctx,
    credential_key_reader *read_key, struct error *err);

/* The private key, as DER: borrowed, secret. NULL where there is the public half only. */
const unsigned char *credential_key_der(const struct credential *credential, size_t *len);
/* certificate_key_number() of the leaf. */
uint64_t credential_key_number(const struct credential *credential);

/* Wipes and frees memory from this module; NULL is fine. */
void secrets_free(char *bytes, size_t len);

/* Not from several threads at a time. */
struct credential *credential_ref(struct credential *credential);
void credential_unref(struct credential *credential);

const struct credential_summary *credential_summary(const struct credential *credential);

/* Equal leaf, chain and key: "unchanged" for the reload. */
bool credential_equal(const struct credential *a, const struct credential *b);

/* Borrowed: valid as long as the credential. */
const struct judged_pair *credential_pair(const struct credential *credential);
X509 *credential_leaf(const struct credential *credential);
struct stack_st_X509 *credential_chain(
    const struct credential *credential); /* without the leaf */
EVP_PKEY *credential_key(const struct credential *credential);

/* The i-th certificate sent, 0 the leaf: its subject and its life, for those who do not
 * speak OpenSSL. False beyond the last. */
bool credential_member(const struct credential *credential, size_t i, char *subject,
    size_t size, time_t *not_before, time_t *not_after);

#endif
