/*
 * parser.h - bytes of a connection to messages: heads, body parts, ends.
 *
 * A pull parser: call parser_next() until PARSE_NEED_INPUT. Bytes may come in any pieces.
 * A head is gathered, scanned byte by byte (scan.h), judged by rules.h and read once more
 * by llhttp, strict; all must agree. Bodies are unframed by our own strict chunked.h. One
 * CRLF before a request line is forgiven (RFC 9112, 2.2). No I/O, no callbacks out.
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
    PARSE_HEAD, /* parser_head() is complete; valid until PARSE_DONE was returned */
    PARSE_BODY, /* *body, *body_len: unframed bytes of the body; borrowed input */
    PARSE_DONE, /* end of this message; the next call begins the next one */
    PARSE_ERROR, /* parser_error(), parser_error_status(); final */
};

struct parser;

struct parser_limits {
    size_t max_head; /* bytes, start line to the empty line */
};

struct parser *parser_new(enum parser_kind kind, const struct parser_limits *limits);
void parser_free(struct parser *p);

/* For a response: what it answers, before its first byte. HEAD means no body (RFC 9112,
 * 6.3); tunnel: a 101 was asked for. 1xx responses come as PARSE_HEAD then PARSE_DONE,
 * and the next message answers the same request; after a 101 the bytes left are the
 * tunnel's. A response that comes before this was called, or a second one, is a
 * PARSE_ERROR ("a reply to nothing"). */
void parser_expect_response(struct parser *p, bool to_head_request, bool upgrade_asked);

/* Uses up some of *bytes, *len (advances both) and says what it found. */
enum parse_result parser_next(struct parser *p, const char **bytes, size_t *len,
    const char **body, size_t *body_len);

/* The peer's end of data. PARSE_DONE completes a BODY_TO_END response; PARSE_NEED_INPUT
 * means it came between messages (fine); PARSE_ERROR that a message was cut. */
enum parse_result parser_end(struct parser *p);

/* From PARSE_HEAD until PARSE_DONE, also after an error in the body; at no other time. */
const struct head *parser_head(const struct parser *p);

/* True if nothing of a next message was seen, but for an empty line. */
bool parser_is_idle(const struct parser *p);

/* A fixed sentence for the log and the 4xx body (no input bytes in it), and the status to
 * answer with: 400, 413, 414, 431, 505 ... (requests only). */
const char *parser_error(const struct parser *p);
unsigned parser_error_status(const struct parser *p);

#endif
