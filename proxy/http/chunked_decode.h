/*
 * chunked_decode.h - removes the chunked coding of a body (RFC 9112, 7.1), strictly.
 *
 * A size has 1 to 16 digits, every line ends with CRLF, extensions and trailers follow
 * their grammar and are bounded. Blanks are allowed where the grammar has BWS, and after
 * a size or an extension, where many servers pad. Extensions and trailers are dropped.
 */
#ifndef WLBPROXY_HTTP_CHUNKED_DECODE_H
#define WLBPROXY_HTTP_CHUNKED_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/http/refusal.h"

enum chunked_state {
    CHUNK_SIZE,
    CHUNK_SIZE_BLANK, /* after the size; the same may follow as after an extension */
    CHUNK_EXTENSION_NAME,
    CHUNK_EXTENSION_VALUE,
    CHUNK_EXTENSION_TOKEN,
    CHUNK_EXTENSION_QUOTED,
    CHUNK_EXTENSION_ESCAPED,
    CHUNK_EXTENSION_CLOSED, /* after its closing quote, or a blank behind the value */
    CHUNK_EXTENSION_NAMED, /* after a blank behind the name: a value may still follow */
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
    uint8_t symbols; /* of an extension's name, so far: zero or more */
    uint16_t extension; /* bytes of this chunk's extensions and blanks */
    uint32_t extensions; /* of all chunks */
    uint32_t trailer; /* bytes of the trailer */
    uint64_t left; /* of the chunk */
};

enum chunked_result { CHUNKED_NEED_INPUT, CHUNKED_BODY, CHUNKED_DONE, CHUNKED_REFUSED };

void chunked_init(struct chunked *c);

/* Consumes some of *bytes, *len, like parser_next(). Sets *refusal on CHUNKED_REFUSED. */
enum chunked_result chunked_next(struct chunked *c, const char **bytes, size_t *len,
    const char **body, size_t *body_len, enum refusal *refusal);

#endif
