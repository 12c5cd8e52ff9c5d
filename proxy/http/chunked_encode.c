#include "proxy/http/chunked_encode.h"

static size_t put_crlf(char *to)
{
    to[0] = '\r';
    to[1] = '\n';
    return 2;
}

static size_t put_size(char *to, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    unsigned shift = 0;
    size_t len = 0;

    while (shift + 4 < 8 * sizeof(size) && size >> (shift + 4) > 0)
        shift += 4;
    for (;; shift -= 4) {
        to[len++] = digits[size >> shift & 15];
        if (shift == 0)
            break;
    }
    return len + put_crlf(to + len);
}

bool framing_part(struct framing *f, size_t len, char *before, size_t *before_len,
    char *after, size_t *after_len)
{
    *before_len = *after_len = 0;
    if (len == 0)
        return true; /* a chunk of no bytes would end the body */
    switch (f->kind) {
    case BODY_CHUNKED:
        *before_len = put_size(before, len);
        *after_len = put_crlf(after);
        return true;
    case BODY_TO_END:
        return true;
    case BODY_LENGTH:
        if (len > f->left)
            return false;
        f->left -= len;
        return true;
    default:
        return false;
    }
}

const char *framing_end(struct framing *f)
{
    if (f->kind == BODY_LENGTH && f->left > 0)
        return NULL;
    return f->kind == BODY_CHUNKED ? "0\r\n\r\n" : "";
}
