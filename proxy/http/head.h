/*
 * head.h - a request or response head, parsed and judged.
 *
 * Its spans point into one block of text that belongs to the parser, bounded by max_head.
 * A head from parser_next() has passed every rule of rules.h: two readers cannot
 * understand it differently.
 */
#ifndef WLBPROXY_HTTP_HEAD_H
#define WLBPROXY_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *text;
    size_t len;
};

struct field {
    struct span name, value; /* value without surrounding whitespace */
    uint8_t id, traits; /* enum field_id, enum field_trait: see field_name.h */
};

enum { HEAD_FIELDS_MAX = 128 };

/* The rule that ends a message's body (RFC 9112, section 6.3). */
enum body_kind {
    BODY_NONE,
    BODY_LENGTH, /* head.length bytes */
    BODY_CHUNKED, /* until the last chunk */
    BODY_TO_END, /* responses: until the connection ends */
};

struct head {
    /* request */
    struct span method, target; /* target in the form to forward: origin-form or "*" */
    struct span host; /* text NULL: HTTP/1.0 without Host */
    /* response */
    unsigned status;
    struct span reason;
    /* both */
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    struct field fields[HEAD_FIELDS_MAX];
    size_t field_count;
    enum body_kind body;
    uint64_t length;
    bool keep_alive; /* by the version and Connection */
    bool expect_continue; /* request: Expect: 100-continue */
    bool upgrade; /* it asks for, or agrees to, a WebSocket tunnel (RFC 6455, 4) */
    bool has_length; /* it has Content-Length (also where body is BODY_NONE: HEAD) */
};

/* Returns the field's value, or a span with text NULL. Names compare without case. */
struct span head_find(const struct head *head, const char *name);
bool span_is(struct span span, const char *text); /* exact */
bool span_is_token(struct span span, const char *text); /* without case */
bool span_equals_token(struct span a, struct span b);

#endif
