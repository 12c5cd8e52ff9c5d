/*
 * transcript.h - the parser's results for bytes that come in given pieces, as text;
 * shared by unit tests and fuzz targets. Equal transcripts mean that the pieces made no
 * difference.
 */
#ifndef WLBPROXY_TESTS_TRANSCRIPT_H
#define WLBPROXY_TESTS_TRANSCRIPT_H

#include <stdlib.h>
#include <string.h>

#include "proxy/base/buffer.h"
#include "proxy/http/parser.h"

enum { TRANSCRIPT_MAX_HEAD = 32768 };

struct transcript {
    enum parser_kind kind;
    bool to_head, upgrade; /* of the one request that a response answers */
    /* Called at every head, with `owner`. */
    void (*on_head)(const struct head *head, void *owner);
    void *owner;
    struct buffer events; /* every result */
    struct buffer verdict; /* in the corpus' words, with a final NUL */
    bool in_message, interim;
};

static inline void transcript_add_span(struct transcript *t, struct span span)
{
    buffer_append(&t->events, span.text, span.len);
    buffer_append(&t->events, "|", 1);
}

static inline void transcript_head(struct transcript *t, const struct head *head)
{
    transcript_add_span(t, head->method);
    transcript_add_span(t, head->target);
    transcript_add_span(t, head->host);
    transcript_add_span(t, head->reason);
    buffer_printf(&t->events, "%u %u %d %llu %d %d %d %d\n", head->status, head->minor,
        head->body, (unsigned long long)head->length, head->keep_alive,
        head->expect_continue, head->upgrade, head->has_length);
    for (size_t i = 0; i < head->field_count; i++) {
        transcript_add_span(t, head->fields[i].name);
        transcript_add_span(t, head->fields[i].value);
        buffer_printf(&t->events, "%u\n", head->fields[i].traits);
    }
    t->in_message = true;
    t->interim = t->kind == PARSER_RESPONSE && head->status < 200 && head->status != 101;
    if (t->on_head != NULL)
        t->on_head(head, t->owner);
}

static inline void transcript_verdict(struct transcript *t, const char *word)
{
    if (buffer_len(&t->verdict) > 0)
        buffer_append_text(&t->verdict, ",");
    buffer_append_text(&t->verdict, word);
}

static inline void transcript_error(struct transcript *t, const struct parser *p)
{
    buffer_printf(&t->events, "error %s\n", parser_error(p));
    if (t->kind == PARSER_RESPONSE) {
        transcript_verdict(t, t->in_message ? "cut" : "refused");
        return;
    }
    transcript_verdict(t, t->in_message ? "body:" : "");
    buffer_printf(&t->verdict, "%u", parser_error_status(p));
}

static inline void transcript_done(struct transcript *t)
{
    transcript_verdict(t, t->interim ? "interim" : "ok");
    buffer_append_text(&t->events, "done\n");
    t->in_message = false;
}

/* False: the parser has finished with this connection. */
static inline bool transcript_piece(
    struct transcript *t, struct parser *p, const char *bytes, size_t len)
{
    for (;;) {
        const char *body;
        size_t body_len;

        switch (parser_next(p, &bytes, &len, &body, &body_len)) {
        case PARSE_HEAD:
            transcript_head(t, parser_head(p));
            break;
        case PARSE_BODY:
            buffer_append(&t->events, body, body_len);
            break;
        case PARSE_DONE:
            transcript_done(t);
            break;
        case PARSE_ERROR:
            transcript_error(t, p);
            return false;
        case PARSE_NEED_INPUT:
            return len == 0;
        }
    }
}

static inline void transcript_end(struct transcript *t, struct parser *p)
{
    bool untouched = buffer_len(&t->verdict) == 0;

    if (t->kind == PARSER_REQUEST) {
        if (untouched || !parser_is_idle(p))
            transcript_verdict(t, "wait");
        return;
    }
    switch (parser_end(p)) {
    case PARSE_DONE:
        transcript_done(t);
        break;
    case PARSE_ERROR:
        transcript_error(t, p);
        break;
    default:
        break;
    }
}

/* Pieces are copied to memory of exactly their size, so that reading beyond one is
 * detected. The first has `first` bytes (may be 0), the others `step` bytes. */
static inline void transcribe(
    struct transcript *t, const char *bytes, size_t len, size_t first, size_t step)
{
    struct parser_limits limits = {TRANSCRIPT_MAX_HEAD};
    struct parser *p = parser_new(t->kind, &limits);
    size_t piece = first > 0 ? first : step;
    bool open = true;

    buffer_clear(&t->events);
    buffer_clear(&t->verdict);
    t->in_message = t->interim = false;
    if (t->kind == PARSER_RESPONSE)
        parser_expect_response(p, t->to_head, t->upgrade);
    for (size_t at = 0; open && at < len; at += piece, piece = step) {
        size_t part = len - at < piece ? len - at : piece;
        char *copy = malloc(part);
        memcpy(copy, bytes + at, part);
        open = transcript_piece(t, p, copy, part);
        free(copy);
    }
    if (open)
        transcript_end(t, p);
    parser_free(p);
    buffer_append(&t->verdict, "", 1);
}

static inline void transcript_destroy(struct transcript *t)
{
    buffer_destroy(&t->events);
    buffer_destroy(&t->verdict);
}

#endif
