/*
 * memory.h - memory that is there: without it the process ends by abort().
 *
 * None of these functions returns NULL or an error. What they return belongs to the
 * caller, who frees it with free().
 */
#ifndef WLBPROXY_BASE_MEMORY_H
#define WLBPROXY_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Memory for one object, all bytes zero. */
void *memory_new(size_t size);

/* As memory_new(), but the bytes are not set. */
void *memory_raw(size_t size);

/* `count` elements of `size` bytes and one more, all zero: the last one can end a list,
 * and an array without elements is not NULL. */
void *memory_array(size_t count, size_t size);

/* As reallocarray(): the array has `count` elements, new ones are not set. */
void *memory_resize(void *array, size_t count, size_t size);

/* A copy of a string, and of the first `len` bytes of a text (less where a NUL comes
 * before), with a NUL at the end. */
char *memory_text(const char *text);
char *memory_text_part(const char *text, size_t len);

/* A string as printf() would print it. */
char *memory_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *memory_format_list(const char *fmt, va_list args)
    __attribute__((format(printf, 1, 0)));

/* A file in memory: after memory_stream_close(), *text is what was written. */
FILE *memory_stream(char **text, size_t *len);
void memory_stream_close(FILE *stream);

/* For what libraries allocate. The first returns its argument, which must not be NULL;
 * the second takes whether a call found the memory that it needed. */
void *memory_checked(void *object);
void memory_require(bool done);

#endif
