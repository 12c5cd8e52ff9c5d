#include "certstore/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ESCAPED = 3 };

static bool is_between(unsigned char c, unsigned char first, unsigned char last)
{
    return c >= first && c <= last;
}

/* Returns the length of a character that must be escaped; 0: it need not. */
static size_t harm(const unsigned char *c, size_t left)
{
    if (left >= 2 && c[0] == 0xc2 && is_between(c[1], 0x80, 0x9f))
        return 2;
    if (left < 3 || c[0] != 0xe2)
        return 0;
    if (c[1] == 0x80) /* U+200E, U+200F; U+202A to U+202E */
        return is_between(c[2], 0x8e, 0x8f) || is_between(c[2], 0xaa, 0xae) ? 3 : 0;
    return c[1] == 0x81 && is_between(c[2], 0xa6, 0xa9) ? 3 : 0; /* U+2066 to U+2069 */
}

static size_t character(const unsigned char *c, size_t left)
{
    size_t len = 1;

    while (c[0] >= 0xc0 && len < left && len < 4 && (c[len] & 0xc0) == 0x80)
        len++;
    return len;
}

void printable(const char *bytes, size_t len, char *text, size_t size)
{
    const unsigned char *from = (const unsigned char *)bytes;
    size_t used = 0;

    if (size == 0)
        return;
    for (size_t at = 0, step; at < len; at += step) {
        const size_t harmful = harm(from + at, len - at);

        step = harmful > 0 ? harmful : character(from + at, len - at);
        if (used + (harmful > 0 ? ESCAPED * step : step) >= size)
            break;
        for (size_t i = 0; i < harmful; i++, used += ESCAPED)
            (void)snprintf(text + used, size - used, "\\%02X", from[at + i]);
        if (harmful == 0) {
            memcpy(text + used, from + at, step);
            used += step;
        }
    }
    text[used] = '\0';
}
