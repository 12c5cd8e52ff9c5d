/*
 * span.h - bytes that are taken off the front of others. Every function returns false,
 * and what it was to fill is of no meaning, when there are too few.
 */
#ifndef WLBPROXY_TLS_NATIVE_SPAN_H
#define WLBPROXY_TLS_NATIVE_SPAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proxy/tls/native/hello.h"

/* Takes a number of that many bytes off the front. */
static inline bool span_number(struct span *from, unsigned bytes, uint32_t *value)
{
    if (from->len < bytes)
        return false;
    *value = 0;
    for (unsigned i = 0; i < bytes; i++)
        *value = *value << 8 | from->at[i];
    from->at += bytes;
    from->len -= bytes;
    return true;
}

static inline bool span_bytes(struct span *from, size_t len, struct span *taken)
{
    if (from->len < len)
        return false;
    *taken = (struct span){from->at, len};
    from->at += len;
    from->len -= len;
    return true;
}

/* A vector whose length stands before it in so many bytes. */
static inline bool span_vector(struct span *from, unsigned len_bytes, struct span *taken)
{
    uint32_t len;

    return span_number(from, len_bytes, &len) && span_bytes(from, len, taken);
}

/* Nothing but one vector, and something in it. */
static inline bool span_is_vector(
    struct span from, unsigned len_bytes, struct span *taken)
{
    return span_vector(&from, len_bytes, taken) && from.len == 0 && taken->len > 0;
}

static inline bool span_is_pairs(struct span from, unsigned len_bytes, struct span *taken)
{
    return span_is_vector(from, len_bytes, taken) && taken->len % 2 == 0;
}

static inline bool span_has_byte(struct span list, unsigned char value)
{
    return memchr(list.at, value, list.len) != NULL;
}

#endif
