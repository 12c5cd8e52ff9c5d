/*
 * Replies in any bytes. The pieces they come in make no difference, and every head that
 * is accepted can be passed on and then reads the same again, framed as we said.
 */
#include <assert.h>
#include <stdint.h>

#include "proxy/http/field_name.h"
#include "proxy/http/forward.h"
#include "tests/unit/transcript.h"

enum { TO_HEAD = 1, UPGRADE = 2, KEEP_ALIVE = 4, MINOR = 8 };

static bool equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
}

static void check_fields(const struct head *was, const struct head *is)
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

static void check_passed_on(const struct head *head, const struct forward_response *how,
    const struct framing *framing, bool closes, const struct buffer *out)
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
    check_fields(head, again);
    parser_free(p);
}

static void pass_on(const struct head *head, void *owner)
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
        check_passed_on(head, &how, &framing, closes, &out);
    buffer_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole = {.kind = PARSER_RESPONSE, .on_head = pass_on};
    struct transcript pieces = {.kind = PARSER_RESPONSE};

    if (size < 2)
        return 0;
    whole.owner = (void *)data;
    whole.to_head = pieces.to_head = (data[0] & TO_HEAD) != 0;
    whole.upgrade = pieces.upgrade = (data[0] & UPGRADE) != 0;
    const char *bytes = (const char *)data + 2;
    transcribe(&whole, bytes, size - 2, 0, size);
    transcribe(&pieces, bytes, size - 2, data[1], 1 + (data[0] >> 6));
    assert(buffer_len(&whole.events) == buffer_len(&pieces.events));
    assert(buffer_len(&whole.events) == 0 ||
        memcmp(buffer_data(&whole.events), buffer_data(&pieces.events),
            buffer_len(&whole.events)) == 0);
    transcript_destroy(&whole);
    transcript_destroy(&pieces);
    return 0;
}
