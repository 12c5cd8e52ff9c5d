#include "proxy/base/utf8_json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* RFC 3629 section 4: the first byte and the second; those after it are 80 to BF. */
static const struct {
    unsigned char first, last, low, high;
    size_t len;
} characters[] = {
    {0x01, 0x7f, 0, 0, 1},
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Returns whether the bytes after the first continue its character. The NUL at the end
 * does not. */
static bool goes_on(
    const unsigned char *c, size_t len, unsigned char low, unsigned char high)
{
    if (len > 1 && (c[1] < low || c[1] > high))
        return false;
    for (size_t i = 2; i < len; i++) {
        if (c[i] < 0x80 || c[i] > 0xbf)
            return false;
    }
    return true;
}

size_t utf8_character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;

    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        if (c[0] >= characters[i].first && c[0] <= characters[i].last)
            return goes_on(c, characters[i].len, characters[i].low, characters[i].high)
                ? characters[i].len
                : 0;
    }
    return 0;
}

json_t *utf8_json(const char *text)
{
    char *whole = memory_raw(strlen(text) * (sizeof(replacement) - 1) + 1), *at = whole;
    json_t *string;

    while (*text != '\0') {
        const size_t len = utf8_character(text),
                     put = len > 0 ? len : sizeof(replacement) - 1;

        memcpy(at, len > 0 ? text : replacement, put);
        at += put;
        text += len > 0 ? len : 1;
    }
    string = memory_checked(json_stringn(whole, (size_t)(at - whole)));
    free(whole);
    return string;
}
