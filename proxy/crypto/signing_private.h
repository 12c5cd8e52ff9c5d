/*
 * signing_private.h - shared by signing.c and the two kinds of signatures.
 */
#ifndef WLBPROXY_CRYPTO_SIGNING_PRIVATE_H
#define WLBPROXY_CRYPTO_SIGNING_PRIVATE_H

#include "proxy/crypto/signing.h"

/* In secret pages; one batch uses it at a time. */
struct signing_workspace {
    uint8_t results[LANES][SIGNATURE_MAX];
    uint8_t r[LANES][KEY_EXCHANGE_SECRET_MAX], s[LANES][KEY_EXCHANGE_SECRET_MAX];
    uint8_t digests[LANES][KEY_EXCHANGE_SECRET_MAX];
    uint64_t nonces[LANES][KEY_EXCHANGE_LIMBS_MAX];
    const struct multibuffer *library;
    OSSL_LIB_CTX *libctx;
    EVP_MD *sha512;
    uint8_t *rsa_scratch; /* behind this struct */
    size_t rsa_scratch_len;
};

struct signing_workspace *signing_workspace(void);

/* Finishes a job of a batch; `made` tells whether the batch gave a signature. It is used
 * only if the public key verifies it; otherwise OpenSSL signs. */
void signing_finish(struct signing_job *job, bool made);

#endif
