#include "certstore/pem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/pem_mark.h"
#include "certstore/secrets.h"
#include "proxy/base/memory.h"

#define DASHES "-----"

/* The rest of the text, and the position in it. */
struct cursor {
    const char *at, *end;
    size_t line;
    char line_end; /* the last character of a line */
};

static void advance(struct cursor *cursor, const char *to)
{
    for (; cursor->at < to; cursor->at++) {
        if (*cursor->at == cursor->line_end)
            cursor->line++;
    }
}

static const char *find(const char *from, const char *end, const char *what)
{
    return from >= end ? NULL : memmem(from, (size_t)(end - from), what, strlen(what));
}

static bool starts(const char *at, const char *end, const char *what)
{
    size_t len = strlen(what);

    return (size_t)(end - at) >= len && memcmp(at, what, len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

/* Between `from` and `at` there is nothing but blanks on at's line. */
static bool begins_line(const char *from, const char *at)
{
    while (at > from && (at[-1] == ' ' || at[-1] == '\t'))
        at--;
    return at == from || at[-1] == '\n' || at[-1] == '\r';
}

/* Copies the label of `LABEL-----` at `at` and returns the text after it; NULL if there
 * is none. */
static const char *read_label(const char *at, const char *end, char label[PEM_LABEL_MAX])
{
    const char *close = find(at, end, DASHES);
    size_t len = close == NULL ? 0 : (size_t)(close - at);

    if (close == NULL || len >= PEM_LABEL_MAX)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < ' ' || at[i] > '~')
            return NULL;
    }
    memcpy(label, at, len);
    label[len] = '\0';
    return close + strlen(DASHES);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, blanks ignored. Returns the length, 0 if it is not base64. */
static size_t base64_decode(const char *at, const char *end, unsigned char *out)
{
    size_t len = 0, chars = 0, pads = 0;
    unsigned bits = 0;

    for (; at < end; at++) {
        if (is_blank(*at))
            continue;
        int value = base64_value(*at);

        pads += *at == '=';
        if (*at == '=' ? pads > 2 : value < 0 || pads > 0)
            return 0;
        bits = bits << 6 | (*at == '=' ? 0U : (unsigned)value);
        if (++chars % 4 == 0) {
            out[len++] = (unsigned char)(bits >> 16);
            out[len++] = (unsigned char)(bits >> 8);
            out[len++] = (unsigned char)bits;
        }
    }
    return chars % 4 != 0 || pads >= len ? 0 : len - pads;
}

/* Skips RFC 1421 headers: lines up to an empty one, of which the first has a colon. */
static const char *skip_headers(
    const char *at, const char *end, char line_mark, bool *encrypted)
{
    const char *line_end;

    while (at < end && is_blank(*at))
        at++;
    line_end = at < end ? memchr(at, line_mark, (size_t)(end - at)) : NULL;
    if (line_end == NULL || memchr(at, ':', (size_t)(line_end - at)) == NULL)
        return at;
    *encrypted = find(at, end, "ENCRYPTED") != NULL;
    while (at < end) {
        line_end = memchr(at, line_mark, (size_t)(end - at));
        if (line_end == NULL)
            return end;
        if (line_end == at || (line_end == at + 1 && *at == '\r'))
            return line_end + 1;
        at = line_end + 1;
    }
    return at;
}

static void decode_body(
    struct pem_block *block, const char *at, const char *end, char line_end)
{
    at = skip_headers(at, end, line_end, &block->encrypted);
    block->der = secrets_alloc((size_t)(end - at) / 4 * 3 + 3);
    block->der_len = base64_decode(at, end, block->der);
    if (block->der_len > 0)
        return;
    block->fault = PEM_DAMAGED;
    secrets_free((char *)block->der, (size_t)(end - at) / 4 * 3 + 3);
    block->der = NULL;
}

/* Starts behind the BEGIN line, and leaves the cursor behind the block. */
static void read_block(struct pem_block *block, struct cursor *cursor)
{
    const char *body_end = find(cursor->at, cursor->end, DASHES);
    const char *after = NULL;
    char label[PEM_LABEL_MAX];

    if (body_end != NULL && starts(body_end, cursor->end, DASHES "END "))
        after = read_label(body_end + strlen(DASHES "END "), cursor->end, label);
    if (after == NULL) {
        block->fault = PEM_TRUNCATED;
        advance(cursor, body_end == NULL ? cursor->end : body_end);
        return;
    }
    if (strcmp(label, block->label) != 0)
        block->fault = PEM_MISMATCHED;
    else
        decode_body(block, cursor->at, body_end, cursor->line_end);
    advance(cursor, after);
}

static struct pem_block *append(struct pem *pem)
{
    if (pem->count % 8 == 0) {
        pem->blocks = memory_resize(pem->blocks, pem->count + 8, sizeof(*pem->blocks));
    }
    pem->blocks[pem->count] = (struct pem_block){.fault = PEM_SOUND};
    return &pem->blocks[pem->count++];
}

/* Only blanks may follow up to the end of the line: other text merely mentions a
 * BEGIN. */
static bool ends_line(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at < end && (*at == '\r' || *at == '\n');
}

/* There is nothing but blanks between them, on one line or not; `from` may be NULL. */
static bool follows(const char *from, const char *at)
{
    while (from != NULL && at > from && is_blank(at[-1]))
        at--;
    return at == from;
}

/* Looks between two blocks for the mark of one that was lost. */
static void look_for_lost(struct pem *pem, const struct cursor *from, const char *to)
{
    size_t line = from->line;

    for (const char *at = from->at; at < to && pem->lost == 0; line++) {
        const char *end = memchr(at, from->line_end, (size_t)(to - at));

        if (end == NULL)
            end = to;
        if (pem_mark_is_lost(at, end))
            pem->lost = line;
        at = end < to ? end + 1 : to;
    }
}

static struct pem_block *add_block(
    struct pem *pem, struct cursor *cursor, const char *label, const char *body)
{
    struct pem_block *block = append(pem);

    (void)snprintf(block->label, sizeof(block->label), "%s", label);
    block->line = cursor->line;
    advance(cursor, body);
    read_block(block, cursor);
    return block;
}

static void read_blocks(struct pem *pem, struct cursor *cursor, const char *text)
{
    const char *start = cursor->at, *previous_end = NULL, *begin;
    struct cursor gap = *cursor;

    while ((begin = find(cursor->at, cursor->end, DASHES "BEGIN ")) != NULL) {
        char label[PEM_LABEL_MAX];
        const char *body =
            read_label(begin + strlen(DASHES "BEGIN "), cursor->end, label);
        const bool glued = !begins_line(start, begin) && follows(previous_end, begin);

        advance(cursor, begin);
        if (body == NULL || (!glued && !begins_line(start, begin))) {
            if (body != NULL && pem->stray == 0 && ends_line(body, cursor->end))
                pem->stray = cursor->line;
            advance(cursor, begin + 1);
            continue;
        }
        look_for_lost(pem, &gap, begin);
        if (pem->count == PEM_BLOCKS_MAX) {
            pem->too_many = true;
            return;
        }
        struct pem_block *block = add_block(pem, cursor, label, body);

        block->glued = glued;
        block->offset = (size_t)(begin - text);
        previous_end = block->fault == PEM_TRUNCATED ? NULL : cursor->at;
        gap = *cursor;
    }
    look_for_lost(pem, &gap, cursor->end);
}

static enum pem_line_ends line_ends_of(const char *text, size_t len)
{
    if (memchr(text, '\r', len) == NULL)
        return PEM_LF;
    return memchr(text, '\n', len) == NULL ? PEM_CR : PEM_CR_LF;
}

void pem_parse(struct pem *pem, const char *text, size_t len)
{
    struct cursor cursor = {text, text + len, 1, '\n'};

    *pem = (struct pem){0};
    if (len == 0)
        return; /* text may be NULL */
    pem->byte_order_mark = starts(text, cursor.end, "\xef\xbb\xbf");
    pem->line_ends = line_ends_of(text, len);
    if (pem->line_ends == PEM_CR)
        cursor.line_end = '\r';
    cursor.at += pem->byte_order_mark ? 3 : 0;
    read_blocks(pem, &cursor, text);
}

size_t pem_lost_line(const struct pem *pem)
{
    return pem->stray > 0 ? pem->stray : pem->lost;
}

void pem_destroy(struct pem *pem)
{
    for (size_t i = 0; i < pem->count; i++)
        secrets_free((char *)pem->blocks[i].der, pem->blocks[i].der_len);
    free(pem->blocks);
    *pem = (struct pem){0};
}

enum pem_width pem_width_of(const char *text, size_t len)
{
    if (len < 2)
        return PEM_BYTES;
    if (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "-", 2) == 0)
        return PEM_UTF16_LE;
    if (memcmp(text, "\xfe\xff", 2) == 0 || memcmp(text, "\0-", 2) == 0)
        return PEM_UTF16_BE;
    return PEM_BYTES;
}

char *pem_narrow(const char *text, size_t len, enum pem_width width, size_t *narrow_len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t high = width == PEM_UTF16_LE ? 1 : 0;
    char *narrow = secrets_alloc(len / 2);

    *narrow_len = 0;
    for (size_t i = 0; i + 1 < len; i += 2) {
        unsigned char page = bytes[i + high], c = bytes[i + 1 - high];

        if (i > 0 || page != 0xfe || c != 0xff)
            narrow[(*narrow_len)++] = page == 0 && c < 0x80 ? (char)c : '?';
    }
    return narrow;
}

bool pem_is_certificate(const struct pem_block *block)
{
    return strcmp(block->label, "CERTIFICATE") == 0 ||
        strcmp(block->label, "X509 CERTIFICATE") == 0 ||
        strcmp(block->label, "TRUSTED CERTIFICATE") == 0;
}

bool pem_is_pkcs7(const struct pem_block *block)
{
    static const char *const labels[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"};

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (strcmp(block->label, labels[i]) == 0)
            return true;
    }
    return false;
}

bool pem_is_private_key(const struct pem_block *block)
{
    static const char suffix[] = "PRIVATE KEY";
    size_t len = strlen(block->label);

    return len >= sizeof(suffix) - 1 &&
        strcmp(block->label + len - (sizeof(suffix) - 1), suffix) == 0;
}

const struct pem_block *pem_find(const struct pem *pem, const char *label)
{
    for (size_t i = 0; i < pem->count; i++) {
        if (strcmp(pem->blocks[i].label, label) == 0)
            return &pem->blocks[i];
    }
    return NULL;
}
