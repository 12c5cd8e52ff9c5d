/*
 * padding.h - pads a digest for RSA: RFC 8017, 8.2.1 (EMSA-PKCS1-v1_5) and 9.1.1
 * (EMSA-PSS with a salt as long as the digest and MGF1 of the same digest, as RFC 8446,
 * 4.2.3 demands).
 */
#ifndef WLBPROXY_CRYPTO_PADDING_H
#define WLBPROXY_CRYPTO_PADDING_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "proxy/crypto/digest.h"

/* Both fill all of `block`; false if it is too small for the digest. */
bool padding_pkcs1(const struct digest *digest, const unsigned char *hash,
    unsigned char *block, size_t len);
bool padding_pss(const struct digest *digest, OSSL_LIB_CTX *libctx,
    const unsigned char *hash, unsigned char *block, size_t len);

#endif
