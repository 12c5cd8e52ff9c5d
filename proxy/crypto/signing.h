/*
 * signing.h - signatures with a certificate's key: RSA 2048, 3072 and 4096 (the private
 * operation on an already padded block, RFC 8017, 5.2.1) and ECDSA on P-256 and P-384
 * (FIPS 186-4, 6.4), eight at a time or one by one through OpenSSL.
 *
 * Every result is verified with the public key before it is used: a faulty one of RSA
 * would reveal the factors (Boneh, DeMillo, Lipton), one of ECDSA the scalar. OpenSSL
 * replaces a faulty result of a batch; if OpenSSL's is faulty, the operation fails.
 * OpenSSL's default provider verifies RSA itself; its results are not verified again.
 *
 * A key may be remote: only the signer has its private half, and here are its number and
 * its public half.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_H
#define WLBPROXY_CRYPTO_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "proxy/crypto/key_exchange.h"

enum { RSA_BITS_MAX = 4096, RSA_LIMBS_MAX = RSA_BITS_MAX / 64 };
enum { SIGNATURE_MAX = 1024 /* RSA 8192, the largest that is served */ };

struct rsa_numbers {
    uint64_t p[RSA_LIMBS_MAX / 2], q[RSA_LIMBS_MAX / 2];
    uint64_t dp[RSA_LIMBS_MAX / 2], dq[RSA_LIMBS_MAX / 2], qinv[RSA_LIMBS_MAX / 2];
};

struct signing_key {
    const struct key_exchange_group *curve; /* NULL: RSA */
    int bits;
    uint64_t modulus[RSA_LIMBS_MAX]; /* RSA */
    struct key_exchange_key point; /* EC: the public key; the scalar stays zero */
    /* Secret, in the secure heap; NULL in a public key. */
    struct rsa_numbers *rsa;
    uint64_t *scalar;
    /* Sign with the same key by OpenSSL, and verify; NULL in a public key. */
    EVP_PKEY_CTX *alone, *check;
    struct ecdsa_check *quick_check; /* EC; NULL: `check` alone verifies */
    bool alone_checks; /* `alone` verifies what it signs by itself */
    /* Remote. */
    uint64_t remote; /* 0: it is not */
    const char *type; /* as OpenSSL names it */
    EVP_PKEY *public;
};

struct signing_job {
    const struct signing_key *key;
    /* RSA: the padded block; ECDSA: the digest. With a remote key: the digest. */
    const unsigned char *input;
    size_t input_len;
    uint16_t scheme; /* with a remote key: signature_scheme.h */
    unsigned char *signature; /* SIGNATURE_MAX of room */
    size_t signature_len;
    bool ok;
};

/* Raw signatures by OpenSSL with the same key, and their verification; RSA blocks come
 * padded. NULL: the kind is not supported. */
EVP_PKEY_CTX *signing_context_alone(EVP_PKEY *key);
EVP_PKEY_CTX *signing_context_check(EVP_PKEY *key);
/* Says whether the former verifies what it signs by itself. */
bool signing_alone_checks(const EVP_PKEY *key);
/* Verifies a job's signature. */
bool signing_is_right(const struct signing_job *job);

/* Call it once, before the other functions. All keys of one call are of one kind and
 * size. */
bool signing_start(const struct multibuffer *library, OSSL_LIB_CTX *libctx);
void signing_stop(void);
void signing_rsa(struct signing_job *jobs, size_t count);
void signing_ecdsa(struct signing_job *jobs, size_t count);
void signing_alone(struct signing_job *job);

#endif
