#include "proxy/base/memory.h"

#include <stdlib.h>
#include <string.h>

void memory_require(bool done)
{
    if (!done)
        abort();
}

void *memory_checked(void *object)
{
    memory_require(object != NULL);
    return object;
}

void *memory_new(size_t size)
{
    return memory_checked(calloc(1, size));
}

void *memory_raw(size_t size)
{
    return memory_checked(malloc(size));
}

void *memory_array(size_t count, size_t size)
{
    return memory_checked(calloc(count + 1, size));
}

void *memory_resize(void *array, size_t count, size_t size)
{
    return memory_checked(reallocarray(array, count, size));
}

char *memory_text(const char *text)
{
    return memory_checked(strdup(text));
}

char *memory_text_part(const char *text, size_t len)
{
    return memory_checked(strndup(text, len));
}

char *memory_format_list(const char *fmt, va_list args)
{
    char *text;

    memory_require(vasprintf(&text, fmt, args) >= 0);
    return text;
}

char *memory_format(const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = memory_format_list(fmt, args);
    va_end(args);
    return text;
}

FILE *memory_stream(char **text, size_t *len)
{
    return memory_checked(open_memstream(text, len));
}

void memory_stream_close(FILE *stream)
{
    memory_require(fclose(stream) == 0);
}
