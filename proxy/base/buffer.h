/*
 * buffer.h - bytes that come in at the end and leave at the front.
 *
 * It grows as needed. Out of memory aborts: callers bound what a peer can make them keep.
 */
#ifndef WLBPROXY_BASE_BUFFER_H
#define WLBPROXY_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes;
    size_t start, end, capacity;
};

enum { BUFFER_KEEP = 16 * 1024 };

static inline size_t buffer_len(const struct buffer *b)
{
    return b->end - b->start;
}

static inline const char *buffer_data(const struct buffer *b)
{
    return b->bytes != NULL ? b->bytes + b->start : "";
}

/* A struct of zeroes is an empty buffer, too. */
void buffer_init(struct buffer *b);
void buffer_destroy(struct buffer *b);

void buffer_append(struct buffer *b, const void *data, size_t len);
void buffer_append_text(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes room for len bytes at the end; buffer_commit() adds the first `used` of them. */
char *buffer_reserve(struct buffer *b, size_t len);
void buffer_commit(struct buffer *b, size_t used);

void buffer_consume(struct buffer *b, size_t len);
void buffer_clear(struct buffer *b);

/* Frees the memory of an empty buffer with more than `keep` bytes of capacity. */
void buffer_shrink(struct buffer *b, size_t keep);

#endif
