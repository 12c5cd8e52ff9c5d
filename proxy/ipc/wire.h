/*
 * wire.h - numbers and byte strings, one after the other, for a peer of the same build.
 *
 * A writer first counts (bytes == NULL), then fills memory of that size. A reader never
 * leaves its bounds: a value that does not fit is zero or "", and sets `failed`, which is
 * checked once at the end.
 */
#ifndef WLBPROXY_IPC_WIRE_H
#define WLBPROXY_IPC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/bytes.h"

struct endpoint;

struct wire_writer {
    char *bytes; /* NULL: only count */
    size_t len, capacity;
};

void wire_put_u32(struct wire_writer *w, uint32_t value);
void wire_put_u64(struct wire_writer *w, uint64_t value);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);
/* Writes the text with its NUL. NULL and "" are different. */
void wire_put_text(struct wire_writer *w, const char *text);

void wire_put_endpoint(struct wire_writer *w, const struct endpoint *endpoint);

struct wire_reader {
    struct bytes left;
    bool failed;
};

uint32_t wire_get_u32(struct wire_reader *r);
uint64_t wire_get_u64(struct wire_reader *r);
/* Borrowed from the reader's memory. */
const char *wire_get_bytes(struct wire_reader *r, size_t *len);
const char *wire_get_text(struct wire_reader *r);

void wire_get_endpoint(struct wire_reader *r, struct endpoint *endpoint);

/* Reads a count of elements that follow, each at least `least` bytes long. It is never
 * more than the rest can hold, so that it is safe to allocate for. */
size_t wire_get_count(struct wire_reader *r, size_t least);

/* Everything was there, and nothing is left. */
bool wire_ended(const struct wire_reader *r);

#endif
