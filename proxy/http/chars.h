/*
 * chars.h - one table of the characters that HTTP allows in each place (RFC 9110, 5.5,
 * 5.6.2).
 */
#ifndef WLBPROXY_HTTP_CHARS_H
#define WLBPROXY_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum char_class {
    CHAR_TOKEN = 1, /* tchar: names, methods */
    CHAR_TEXT = 2, /* HTAB, SP, VCHAR, obs-text: values, reasons */
    CHAR_VISIBLE = 4, /* VCHAR: targets */
    CHAR_DIGIT = 8,
    CHAR_HEX = 16,
    CHAR_UNRESERVED = 32, /* RFC 3986, 2.3 */
    CHAR_SUB_DELIM = 64, /* RFC 3986, 2.2: also in host names */
};

extern const uint8_t char_classes[256];
extern const uint8_t char_lower[256]; /* ASCII only */

/* Returns whether `c` is in one of `classes`, ored together. */
static inline bool char_is(char c, unsigned classes)
{
    return (char_classes[(uint8_t)c] & classes) != 0;
}

static inline char lower(char c)
{
    return (char)char_lower[(uint8_t)c];
}

#endif
