/*
 * key_pool.h - ephemeral keys made in advance, in secret pages. Each is used once.
 */
#ifndef WLBPROXY_CRYPTO_KEY_POOL_H
#define WLBPROXY_CRYPTO_KEY_POOL_H

#include <stdbool.h>

#include "proxy/crypto/key_exchange.h"

enum { KEY_POOL_DEPTH = 64 }; /* at most, of each group */

bool key_pool_start(const struct multibuffer *library, OSSL_LIB_CTX *libctx);
void key_pool_stop(void);

/* Moves one key out. Makes eight first if there is none. */
bool key_pool_take(const struct key_exchange_group *group, struct key_exchange_key *key);

/* The second makes eight more keys of a group that has been used and is short of them.
 * False: there is none, or it failed. */
bool key_pool_is_short(void);
bool key_pool_refill(void);

#endif
