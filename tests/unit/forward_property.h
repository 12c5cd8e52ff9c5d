/*
 * forward_property.h - checks a head that was accepted: written anew, our own parser
 * accepts it, and it means the same. Shared by unit tests and fuzz targets.
 */
#ifndef WLBPROXY_TESTS_FORWARD_PROPERTY_H
#define WLBPROXY_TESTS_FORWARD_PROPERTY_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/base/buffer.h"
#include "proxy/http/field_name.h"
#include "proxy/http/forward.h"
#include "proxy/http/parser.h"

/* Both on_head functions are for transcript.h; owner: one byte of flags for the
 * forwarding. */
enum { TO_HEAD = 1, UPGRADE = 2, KEEP_ALIVE = 4, MINOR = 8 };

static inline bool equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
}

/* Fields that were not dropped stand in the same order, before our own. */
static inline void check_request_fields(
    const struct head *was, const struct head *is, unsigned dropped)
{
    size_t at = is->fields[0].id == FIELD_HOST && was->fields[0].id != FIELD_HOST &&
        head_find(was, "Host").text == NULL;

    for (size_t i = 0; i < was->field_count; i++) {
        if ((was->fields[i].traits & dropped) != 0)
            continue;
        assert(at < is->field_count);
        assert(equal(was->fields[i].name, is->fields[at].name));
        assert(equal(was->fields[i].value, is->fields[at].value));
        at++;
    }
}

/* A length of zero is written where content is expected and none is announced. */
static inline bool needs_length(const struct head *head)
{
    return head->body == BODY_NONE &&
        (span_is(head->method, "POST") || span_is(head->method, "PUT") ||
            span_is(head->method, "PATCH"));
}

static inline void check_request(
    const struct head *head, const struct forward_request *how, const struct buffer *out)
{
    struct parser_limits limits = {1 << 20};
    struct parser *p = parser_new(PARSER_REQUEST, &limits);
    const char *bytes = buffer_data(out), *body;
    size_t len = buffer_len(out), body_len;

    assert(parser_next(p, &bytes, &len, &body, &body_len) == PARSE_HEAD && len == 0);
    const struct head *again = parser_head(p);
    assert(equal(again->method, head->method) && equal(again->target, head->target));
    assert(equal(again->host, head->host) && again->body == head->body);
    assert(again->length == head->length);
    assert(again->has_length == (head->has_length || needs_length(head)));
    assert(again->keep_alive == (how->keep_alive || (how->upgrade && head->upgrade)));
    assert(!again->expect_continue);
    check_request_fields(head, again,
        TRAIT_HOP | TRAIT_CERT |
            (how->facts == FORWARD_OURS ? (unsigned)TRAIT_FORWARDED : 0));
    parser_free(p);
}

static inline void forward_and_check_request(const struct head *head, void *owner)
{
    const uint8_t *bits = owner;
    struct forward_request how = {
        .facts = (*bits & 1) != 0 ? FORWARD_OURS : FORWARD_AS_IT_CAME,
        .keep_alive = (*bits & 2) != 0,
        .upgrade = (*bits & 4) != 0,
        .client_ip = (*bits & 8) != 0 ? "2001:db8::1" : "192.0.2.7",
        .cert_asked = (*bits & 16) != 0,
        .cert_subject = (*bits & 32) != 0 ? "CN=a\r\nb" : NULL};
    struct buffer out;

    buffer_init(&out);
    struct framing framing = forward_request(head, &how, &out);
    assert(framing.kind == head->body && framing.left == head->length);
    if (head->field_count <= HEAD_FIELDS_MAX - 10)
        check_request(head, &how, &out);
    buffer_destroy(&out);
}

static inline void check_response_fields(const struct head *was, const struct head *is)
{
    size_t at = 0;

    for (size_t i = 0; i < was->field_count; i++) {
        if ((was->fields[i].traits & TRAIT_HOP) != 0)
            continue;
        assert(at < is->field_count);
        assert(equal(was->fields[i].name, is->fields[at].name));
        assert(equal(was->fields[i].value, is->fields[at].value));
        at++;
    }
}

static inline void check_response(const struct head *head,
    const struct forward_response *how, const struct framing *framing, bool closes,
    const struct buffer *out)
{
    struct parser_limits limits = {1 << 20};
    struct parser *p = parser_new(PARSER_RESPONSE, &limits);
    const char *bytes = buffer_data(out), *body;
    size_t len = buffer_len(out), body_len;

    parser_expect_response(p, how->to_head, how->upgrade);
    assert(parser_next(p, &bytes, &len, &body, &body_len) == PARSE_HEAD && len == 0);
    const struct head *again = parser_head(p);
    assert(again->status == head->status && equal(again->reason, head->reason));
    assert(again->body == framing->kind && (again->body != BODY_TO_END || closes));
    assert(again->body != BODY_LENGTH || again->length == framing->left);
    assert(again->body != BODY_CHUNKED || (how->client_minor > 0 && !closes));
    assert(again->keep_alive == !closes);
    check_response_fields(head, again);
    parser_free(p);
}

static inline void forward_and_check_response(const struct head *head, void *owner)
{
    const uint8_t *bits = owner;
    struct forward_response how = {.client_keep_alive = (*bits & KEEP_ALIVE) != 0,
        .client_minor = (*bits & MINOR) != 0,
        .to_head = (*bits & TO_HEAD) != 0,
        .upgrade = (*bits & UPGRADE) != 0};
    struct buffer out;
    bool closes;

    buffer_init(&out);
    struct framing framing = forward_response(head, &how, &out, &closes);
    if (head->field_count <= HEAD_FIELDS_MAX - 4)
        check_response(head, &how, &framing, closes, &out);
    buffer_destroy(&out);
}

#endif
