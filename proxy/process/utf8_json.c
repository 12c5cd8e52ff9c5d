#include "proxy/process/utf8_json.h"

#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* How long the character at `text` is (RFC 3629 section 4); 0: it is none. */
static size_t character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf;
    size_t len = c[0] < 0x80 ? 1
        : c[0] < 0xc2        ? 0
        : c[0] < 0xe0        ? 2
        : c[0] < 0xf0        ? 3
                             : 4;

    if (c[0] > 0xf4)
        return 0;
    if (c[0] == 0xe0)
        low = 0xa0; /* overlong */
    else if (c[0] == 0xed)
        high = 0x9f; /* half of a pair of UTF-16 */
    else if (c[0] == 0xf0)
        low = 0x90;
    else if (c[0] == 0xf4)
        high = 0x8f; /* beyond U+10FFFF */
    for (size_t i = 1; i < len; i++) {
        if (c[i] < low || c[i] > high)
            return 0; /* the end of the text, too */
        low = 0x80;
        high = 0xbf;
    }
    return len;
}

json_t *utf8_json(const char *text)
{
    char *whole = malloc(strlen(text) * (sizeof(replacement) - 1) + 1), *at = whole;
    json_t *string;

    if (whole == NULL)
        abort();
    while (*text != '\0') {
        const size_t len = character(text), put = len > 0 ? len : sizeof(replacement) - 1;

        memcpy(at, len > 0 ? text : replacement, put);
        at += put;
        text += len > 0 ? len : 1;
    }
    string = json_stringn(whole, (size_t)(at - whole));
    free(whole);
    if (string == NULL)
        abort();
    return string;
}
