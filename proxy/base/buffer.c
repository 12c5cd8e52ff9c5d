#include "proxy/base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

enum { CAPACITY_MIN = 512 };

void buffer_init(struct buffer *b)
{
    *b = (struct buffer){0};
}

void buffer_destroy(struct buffer *b)
{
    free(b->bytes);
    buffer_init(b);
}

void buffer_append(struct buffer *b, const void *data, size_t len)
{
    if (len == 0)
        return; /* data may be NULL, which memcpy() must not see */
    memcpy(buffer_reserve(b, len), data, len);
    b->end += len;
}

void buffer_append_text(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *end = buffer_reserve(b, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(end, (size_t)len + 1, fmt, args);
    va_end(args);
    b->end += (size_t)len;
}

static void move_to_front(struct buffer *b)
{
    size_t len = buffer_len(b);

    if (b->start == 0)
        return;
    if (len > 0)
        memmove(b->bytes, b->bytes + b->start, len);
    b->start = 0;
    b->end = len;
}

static void grow(struct buffer *b, size_t needed)
{
    size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity;

    while (capacity < needed) {
        memory_require(capacity <= SIZE_MAX / 2);
        capacity *= 2;
    }
    b->bytes = memory_resize(b->bytes, capacity, 1);
    b->capacity = capacity;
}

char *buffer_reserve(struct buffer *b, size_t len)
{
    if (b->capacity - b->end < len) {
        move_to_front(b);
        memory_require(len <= SIZE_MAX - b->end);
        if (b->capacity - b->end < len)
            grow(b, b->end + len);
    }
    return b->bytes + b->end;
}

void buffer_commit(struct buffer *b, size_t used)
{
    assert(used <= b->capacity - b->end);
    b->end += used;
}

void buffer_consume(struct buffer *b, size_t len)
{
    assert(len <= buffer_len(b));
    b->start += len;
    if (b->start == b->end)
        buffer_clear(b);
}

void buffer_clear(struct buffer *b)
{
    b->start = b->end = 0;
}

void buffer_shrink(struct buffer *b, size_t keep)
{
    if (buffer_len(b) == 0 && b->capacity > keep)
        buffer_destroy(b);
}
