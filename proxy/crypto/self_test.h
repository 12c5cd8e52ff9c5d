/*
 * self_test.h - checks that our results are OpenSSL's.
 */
#ifndef WLBPROXY_CRYPTO_SELF_TEST_H
#define WLBPROXY_CRYPTO_SELF_TEST_H

#include <stdbool.h>

#include <openssl/types.h>

#include "proxy/crypto/key_exchange.h"

struct error;

/* Agrees on keys with OpenSSL's own implementation, and offers a point that is not on the
 * curve: in every group and every lane of the library, if there is one, and on P-384 by
 * `alone`. (Signatures are verified each time.) */
bool self_test(const struct multibuffer *library, key_exchange_alone *alone,
    OSSL_LIB_CTX *libctx, struct error *err);

#endif
