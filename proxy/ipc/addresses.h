/*
 * addresses.h - the present addresses of a name in `connect`, as the master sends them to
 * the workers. Pure encoding.
 */
#ifndef WLBPROXY_IPC_ADDRESSES_H
#define WLBPROXY_IPC_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

enum { ADDRESSES_COUNT_MAX = 64 };

struct addresses {
    const char *connect; /* the name as it stands there; borrowed */
    struct endpoint list[ADDRESSES_COUNT_MAX];
    size_t count;
};

/* Returns the bytes written. A message of the channel has room for a full list. */
size_t addresses_encode(const struct addresses *addresses, char *bytes, size_t capacity);

/* `connect` is borrowed from `bytes`. */
bool addresses_decode(struct addresses *addresses, const char *bytes, size_t len);

/* Compares them in any order, because a resolver may rotate them. */
bool addresses_equal(const struct addresses *a, const struct addresses *b);

#endif
