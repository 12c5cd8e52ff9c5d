/*
 * addresses.h - what a name in `connect` resolves to now, as the master tells the
 * workers. Pure encoding.
 */
#ifndef WLBPROXY_IPC_ADDRESSES_H
#define WLBPROXY_IPC_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

enum { ADDRESSES_COUNT_MAX = 64 };

struct addresses {
    const char *connect; /* as it is written there; borrowed */
    struct endpoint list[ADDRESSES_COUNT_MAX];
    size_t count;
};

/* Bytes written; a message of the channel has room for all that fit in the list. */
size_t addresses_encode(const struct addresses *addresses, char *bytes, size_t capacity);

/* `connect` is borrowed from `bytes`. */
bool addresses_decode(struct addresses *addresses, const char *bytes, size_t len);

/* In any order: a resolver may rotate them. */
bool addresses_equal(const struct addresses *a, const struct addresses *b);

#endif
