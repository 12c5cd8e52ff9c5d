/*
 * Requests in any bytes. The pieces they come in make no difference, and every head that
 * is accepted can be forwarded and then reads the same again.
 */
#include <assert.h>
#include <stdint.h>

#include "proxy/http/field_name.h"
#include "proxy/http/forward.h"
#include "tests/unit/transcript.h"

static bool equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
}

/* What was not dropped stands in the same order, before what is ours. */
static void check_fields(const struct head *was, const struct head *is, unsigned dropped)
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

static void check_forwarded(
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
    assert(again->length == head->length && again->has_length == head->has_length);
    assert(again->keep_alive == (how->keep_alive || (how->upgrade && head->upgrade)));
    assert(!again->expect_continue);
    check_fields(head, again,
        TRAIT_HOP | TRAIT_CERT | (how->forwarded ? (unsigned)TRAIT_FORWARDED : 0));
    parser_free(p);
}

static void forward_it(const struct head *head, void *owner)
{
    const uint8_t *bits = owner;
    struct forward_request how = {.forwarded = (*bits & 1) != 0,
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
        check_forwarded(head, &how, &out);
    buffer_destroy(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole = {.kind = PARSER_REQUEST, .on_head = forward_it};
    struct transcript pieces = {.kind = PARSER_REQUEST};

    if (size < 2)
        return 0;
    whole.owner = (void *)data;
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
