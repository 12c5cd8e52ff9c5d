/*
 * bytes.h - reads bytes from the front, and never beyond their end.
 *
 * A function that returns bool returns false where there are fewer bytes than it needs.
 * It has then taken all that were left, so that the next call fails, too. Results are
 * borrowed from the memory that is read.
 */
#ifndef WLBPROXY_BASE_BYTES_H
#define WLBPROXY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const unsigned char *at; /* NULL: there is nothing, not even an empty list */
    size_t len;
};

/* Takes the next `len` bytes, or as many as there are. */
static inline bool bytes_take(struct bytes *from, size_t len, struct bytes *taken)
{
    bool whole = len <= from->len;

    *taken = (struct bytes){from->at, whole ? len : from->len};
    if (taken->len > 0)
        from->at += taken->len;
    from->len -= taken->len;
    return whole;
}

/* Takes a number of `size` bytes, the most significant first; 0 if it is cut short. */
static inline bool bytes_number(struct bytes *from, size_t size, uint32_t *value)
{
    struct bytes number;
    bool whole = bytes_take(from, size, &number);

    *value = 0;
    for (size_t i = 0; whole && i < size; i++)
        *value = *value << 8 | number.at[i];
    return whole;
}

/* Takes a vector of TLS (RFC 8446, 3.4), with its length before it in `size` bytes. Of
 * one that is cut short `taken` is the part that is there. */
static inline bool bytes_vector(struct bytes *from, size_t size, struct bytes *taken)
{
    uint32_t len;
    bool whole = bytes_number(from, size, &len);

    return bytes_take(from, len, taken) && whole;
}

/* Copies `len` bytes into an object, which is left as it was if there are too few. */
static inline bool bytes_copy(struct bytes *from, void *to, size_t len)
{
    struct bytes taken;
    bool whole = bytes_take(from, len, &taken);

    if (whole && len > 0)
        memcpy(to, taken.at, len);
    return whole;
}

/* Returns whether `all` is exactly one vector that is not empty. */
static inline bool bytes_are_vector(struct bytes all, size_t size, struct bytes *inside)
{
    return bytes_vector(&all, size, inside) && all.len == 0 && inside->len > 0;
}

static inline bool bytes_have(struct bytes all, unsigned char value)
{
    return all.len > 0 && memchr(all.at, value, all.len) != NULL;
}

#endif
