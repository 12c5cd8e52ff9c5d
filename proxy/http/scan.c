#include "proxy/http/scan.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "proxy/http/chars.h"

enum { WORD = sizeof(uint64_t) };

/* Returns the index of the first byte of the word that is below 0x20 or DEL; WORD if
 * there is none. Borrows only run upwards, so the lowest mark is a true one. */
static size_t plain_bytes(const char *bytes)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;
    uint64_t word;

    memcpy(&word, bytes, WORD);
    word = le64toh(word);
    uint64_t dels = word ^ ones * 0x7f;
    uint64_t marks = (((word - ones * 0x20) & ~word) | ((dels - ones) & ~dels)) & tops;
    return marks == 0 ? WORD : (size_t)__builtin_ctzll(marks) / 8;
}

static const char *skip_text(const char *p, const char *end)
{
    while (end - p >= WORD) {
        size_t plain = plain_bytes(p);
        p += plain;
        if (plain < WORD && !char_is(*p, CHAR_TEXT))
            return p;
        p += plain < WORD; /* it may be a tab */
    }
    while (p < end && char_is(*p, CHAR_TEXT))
        p++;
    return p;
}

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
        p = skip_text(p, end);
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
