/*
 * chunked_decode.h - takes the chunked coding off a body (RFC 9112, 7.1), strictly.
 *
 * 1 to 16 digits of size, CRLF everywhere, extensions by their grammar and bounded,
 * trailers by theirs and bounded. Blanks are allowed where the grammar has BWS, and
 * behind a size or an extension, where many servers pad. Extensions and trailers are
 * dropped.
 */
#ifndef WLBPROXY_HTTP_CHUNKED_DECODE_H
#define WLBPROXY_HTTP_CHUNKED_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/http/refusal.h"

enum chunked_state {
    CHUNK_SIZE,
    CHUNK_SIZE_BLANK, /* behind the size: what may follow an extension may follow */
    CHUNK_EXTENSION_NAME,
    CHUNK_EXTENSION_VALUE,
    CHUNK_EXTENSION_TOKEN,
    CHUNK_EXTENSION_QUOTED,
    CHUNK_EXTENSION_ESCAPED,
    CHUNK_EXTENSION_CLOSED, /* its closing quote or a blank behind the value */
    CHUNK_EXTENSION_NAMED, /* a blank behind the name: a value may still follow */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_LINE,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LINE_LF,
    TRAILER_END_LF,
    CHUNKED_END,
};

struct chunked {
    uint8_t state; /* enum chunked_state */
    uint8_t digits; /* of the size, so far */
    uint8_t symbols; /* of an extension's name, so far: none or some */
    uint16_t extension; /* bytes of this chunk's extensions and blanks */
    uint32_t extensions; /* of all chunks */
    uint32_t trailer; /* bytes of the trailer */
    uint64_t left; /* of the chunk */
};

enum chunked_result { CHUNKED_NEED_INPUT, CHUNKED_BODY, CHUNKED_DONE, CHUNKED_REFUSED };

void chunked_init(struct chunked *c);

/* Uses up some of *bytes, *len, as parser_next() does. *refusal on CHUNKED_REFUSED. */
enum chunked_result chunked_next(struct chunked *c, const char **bytes, size_t *len,
    const char **body, size_t *body_len, enum refusal *refusal);

#endif
