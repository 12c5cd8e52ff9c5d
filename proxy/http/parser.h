/*
 * parser.h - turns the bytes of a connection into messages: heads, body parts, ends.
 *
 * A pull parser: call parser_next() until PARSE_NEED_INPUT. Bytes may come in any pieces.
 * A head is gathered, scanned byte by byte (scan.h), judged by rules.h and read again by
 * llhttp, strict; all must agree. chunked_decode.h removes the framing of bodies,
 * strictly. One CRLF before a request line is accepted (RFC 9112, 2.2). No I/O, no
 * callbacks out.
 */
#ifndef WLBPROXY_HTTP_PARSER_H
#define WLBPROXY_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/http/head.h"

enum parser_kind { PARSER_REQUEST, PARSER_RESPONSE };

enum parse_result {
    PARSE_NEED_INPUT,
    PARSE_HEAD, /* parser_head() is complete, and valid until PARSE_DONE is returned */
    PARSE_BODY, /* *body, *body_len: bytes of the body without framing, borrowed from the
                 * input */
    PARSE_DONE, /* end of this message; the next call begins another one */
    PARSE_ERROR, /* parser_error(), parser_error_status(); final */
};

struct parser;

struct parser_limits {
    size_t max_head; /* bytes, from the start line to the empty line */
};

struct parser *parser_new(enum parser_kind kind, const struct parser_limits *limits);
void parser_free(struct parser *p);

/* Called for each request, before the first byte of its response. HEAD: no body (RFC
 * 9112, 6.3); tunnel: the request asked for a 101. 1xx responses come as PARSE_HEAD then
 * PARSE_DONE, and the next message answers the same request; after a 101 the bytes left
 * are the tunnel's. A response before this call, or a second one, is a PARSE_ERROR ("a
 * reply to nothing"). */
void parser_expect_response(struct parser *p, bool to_head_request, bool upgrade_asked);

/* Consumes some of *bytes, *len (advances both) and returns what it found. */
enum parse_result parser_next(struct parser *p, const char **bytes, size_t *len,
    const char **body, size_t *body_len);

/* The peer has ended. PARSE_DONE completes a BODY_TO_END response; PARSE_NEED_INPUT means
 * that it ended between messages (fine); PARSE_ERROR that a message was cut. */
enum parse_result parser_end(struct parser *p);

/* Valid from PARSE_HEAD until PARSE_DONE, also after an error in the body. */
const struct head *parser_head(const struct parser *p);

/* True if no byte of a next message has come, except an empty line. */
bool parser_is_idle(const struct parser *p);

/* Requests: whether the current one, though refused or not whole, has the method HEAD.
 * Its reply has no body (RFC 9110, 9.3.2). */
bool parser_says_head(const struct parser *p);

/* A fixed sentence for the log and the 4xx body, without bytes of the input, and the
 * status to answer with: 400, 413, 414, 431, 505 ... (requests only). */
const char *parser_error(const struct parser *p);
unsigned parser_error_status(const struct parser *p);

#endif
