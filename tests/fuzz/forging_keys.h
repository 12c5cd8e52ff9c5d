/*
 * forging_keys.h - the forging client's key exchange: its fixed key of each group, and
 * the secret that it shares with the server.
 */
#ifndef WLBPROXY_TESTS_FORGING_KEYS_H
#define WLBPROXY_TESTS_FORGING_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/key_exchange.h"

/* NULL: we do not support the group. */
const struct key_exchange_group *forging_group(uint16_t group);
const struct key_exchange_key *forging_key(uint16_t group);

/* Writes up to KEY_EXCHANGE_SECRET_MAX bytes. False: the server's share is none of the
 * group, or the group is not supported. */
bool forging_agree(uint16_t group, const unsigned char *share, size_t share_len,
    unsigned char *secret, size_t *secret_len);

#endif
