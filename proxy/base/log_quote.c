#include <string.h>

#include "proxy/base/log.h"

/* Writes a byte as it stands between quotes, and returns the length. */
static size_t escape(char piece[5], unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    piece[0] = '\\';
    if (byte == '"' || byte == '\\') {
        piece[1] = (char)byte;
        return 2;
    }
    if (byte >= ' ' && byte < 0x7f) {
        piece[0] = (char)byte;
        return 1;
    }
    piece[1] = 'x';
    piece[2] = hex[byte >> 4];
    piece[3] = hex[byte & 15];
    return 4;
}

const char *log_quote(char *quoted, size_t size, const char *text, size_t len)
{
    size_t used = 0;

    if (size < 3)
        return "\"\"";
    quoted[used++] = '"';
    for (size_t i = 0; i < len; i++) {
        char piece[5];
        size_t n = escape(piece, (unsigned char)text[i]);

        if (used + n + 2 > size)
            break;
        memcpy(quoted + used, piece, n);
        used += n;
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    return quoted;
}

struct log_quoted log_quoted(const char *text)
{
    struct log_quoted quoted = {""}; /* cppcheck does not see that it is filled */

    (void)log_quote(quoted.text, sizeof(quoted.text), text, strlen(text));
    return quoted;
}
