/*
 * padding.h - what RSA signs: RFC 8017, 8.2.1 (EMSA-PKCS1-v1_5) and 9.1.1 (EMSA-PSS with
 * a salt as long as the digest and MGF1 of the same digest, as RFC 8446, 4.2.3 wants it).
 */
#ifndef WLBPROXY_CRYPTO_PADDING_H
#define WLBPROXY_CRYPTO_PADDING_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

enum { DIGEST_MAX = 64 };

struct padding_digest {
    const char *names[2]; /* OpenSSL's two */
    unsigned char
        info[19]; /* DER of DigestInfo up to the digest: RFC 8017, 9.2, note 1 */
    size_t info_len, len;
    EVP_MD *md; /* while the engine runs */
};

/* Fetches all digests from libctx once, so that no signature has to. */
bool padding_start(OSSL_LIB_CTX *libctx);
void padding_stop(void);

/* NULL: not a digest that certificates' keys sign. */
const struct padding_digest *padding_find(const char *name);

/* Both fill all of `block`; false if it is too small for the digest. */
bool padding_pkcs1(const struct padding_digest *digest, const unsigned char *hash,
    unsigned char *block, size_t len);
bool padding_pss(const struct padding_digest *digest, OSSL_LIB_CTX *libctx,
    const unsigned char *hash, unsigned char *block, size_t len);

#endif
