#include "proxy/http/scan.h"

#include "proxy/http/chars.h"

static enum refusal misplaced(char c)
{
    return c == '\n' ? REFUSE_BARE_LF : REFUSE_CONTROL;
}

enum refusal scan_bytes(struct scan *scan, const char *bytes, size_t len, size_t *used)
{
    const char *p = bytes, *end = bytes + len;

    while (p < end && !scan->complete) {
        if (scan->after_cr) {
            if (*p++ != '\n')
                return REFUSE_BARE_CR;
            scan->complete = scan->line == 0;
            scan->after_cr = false;
            scan->line = 0;
            continue;
        }
        const char *line = p;
        while (p < end && char_is(*p, CHAR_TEXT))
            p++;
        scan->line += (size_t)(p - line);
        if (p == end)
            break;
        if (*p != '\r')
            return misplaced(*p);
        scan->after_cr = true;
        p++;
    }
    *used = (size_t)(p - bytes);
    return ACCEPTED;
}
