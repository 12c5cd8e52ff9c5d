/*
 * self_test.h - whether the multi-buffer library computes what OpenSSL computes.
 */
#ifndef WLBPROXY_CRYPTO_SELF_TEST_H
#define WLBPROXY_CRYPTO_SELF_TEST_H

#include <stdbool.h>

#include <openssl/types.h>

#include "proxy/crypto/multibuffer.h"

struct error;

/* Agrees on keys with OpenSSL's own implementation in every group and every lane, and
 * offers a point that is not on the curve. (RSA results are verified each time.) */
bool self_test(
    const struct multibuffer *library, OSSL_LIB_CTX *libctx, struct error *err);

#endif
