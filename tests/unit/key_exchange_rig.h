/*
 * key_exchange_rig.h - the library for batched key exchange, if there is one, and
 * OpenSSL's X25519 for comparison.
 */
#ifndef WLBPROXY_TESTS_EXCHANGE_RIG_H
#define WLBPROXY_TESTS_EXCHANGE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "proxy/base/error.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/p384.h"

static struct multibuffer library;
static bool loaded;

/* Setup of a group of tests. */
static inline int load_library(void **state)
{
    struct error err;

    (void)state;
    p384_start(P384_BEST);
    loaded = multibuffer_load(&library, &err);
    if (!loaded)
        (void)printf("batched operations are skipped: %s\n", err.text);
    return 0;
}

static inline void need_library(void)
{
    if (!loaded)
        skip();
}

static inline bool reference_x25519(
    const struct key_exchange_key *own, const unsigned char *peer, unsigned char *secret)
{
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_X25519, NULL, (const void *)own->scalar, 32);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
    size_t len = 32;
    bool ok = EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
        EVP_PKEY_derive(context, secret, &len) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    return ok;
}

#endif
