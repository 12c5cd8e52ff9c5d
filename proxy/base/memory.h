/*
 * memory.h - allocation that never fails: without memory the process ends by abort().
 *
 * None of these functions returns NULL or an error. The result belongs to the caller, who
 * frees it with free().
 */
#ifndef WLBPROXY_BASE_MEMORY_H
#define WLBPROXY_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Returns memory for one object, all bytes zero. */
void *memory_new(size_t size);

/* Like memory_new(), but the bytes are not set. */
void *memory_raw(size_t size);

/* Returns `count` elements of `size` bytes and one more, all zero. The last one can end a
 * list, and an array without elements is not NULL. */
void *memory_array(size_t count, size_t size);

/* Like reallocarray(): the array has `count` elements, and new ones are not set. */
void *memory_resize(void *array, size_t count, size_t size);

/* Copies a string, or the first `len` bytes of a text (fewer where a NUL comes before),
 * with a NUL at the end. */
char *memory_text(const char *text);
char *memory_text_part(const char *text, size_t len);

/* Returns a string as printf() would print it. */
char *memory_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *memory_format_list(const char *fmt, va_list args)
    __attribute__((format(printf, 1, 0)));

/* Opens a file in memory. After memory_stream_close() *text is what was written to it. */
FILE *memory_stream(char **text, size_t *len);
void memory_stream_close(FILE *stream);

/* For memory that libraries allocate. The first aborts if its argument is NULL and
 * returns it else; the second aborts if a call did not find the memory that it needed. */
void *memory_checked(void *object);
void memory_require(bool done);

#endif
