#include "proxy/http/second_opinion.h"

#include <llhttp.h>
#include <string.h>

#include "proxy/http/field_name.h"

struct opinion {
    llhttp_t llhttp;
    struct span target;
    size_t fields;
};

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct opinion *opinion = llhttp->data;

    opinion->target = (struct span){at, len};
    return 0;
}

static int on_field(llhttp_t *llhttp)
{
    struct opinion *opinion = llhttp->data;

    opinion->fields++;
    return 0;
}

/* It judges the head only: chunks, bytes after a Connection: close, and upgrades are
 * judged by our own code. */
static int on_head_complete(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_value_complete = on_field,
    .on_headers_complete = on_head_complete,
};

static bool same_framing(const struct head *head, const llhttp_t *llhttp)
{
    bool coded = (llhttp->flags & F_TRANSFER_ENCODING) != 0;
    bool chunked = (llhttp->flags & F_CHUNKED) != 0;
    bool length = (llhttp->flags & F_CONTENT_LENGTH) != 0;

    return chunked == (head->body == BODY_CHUNKED) &&
        (coded && !chunked) == (head->body == BODY_TO_END) && /* identity */
        length == head->has_length && (!length || llhttp->content_length == head->length);
}

static void prepare(struct opinion *opinion, llhttp_type_t type)
{
    llhttp_init(&opinion->llhttp, type, &settings);
    opinion->llhttp.data = opinion;
    opinion->fields = 0;
    opinion->target = (struct span){NULL, 0};
}

/* Shows all of the head except repeated lengths, which are equal. */
static llhttp_errno_t show_reply(
    struct opinion *opinion, const struct head *head, const char *text, size_t len)
{
    llhttp_errno_t outcome = HPE_OK;
    const char *end = text + len;
    bool seen = false;

    prepare(opinion, HTTP_RESPONSE);
    for (size_t i = 0; i < head->field_count && outcome == HPE_OK; i++) {
        const char *line = head->fields[i].name.text;

        if (head->fields[i].id != FIELD_CONTENT_LENGTH)
            continue;
        if (seen) {
            outcome = llhttp_execute(&opinion->llhttp, text, (size_t)(line - text));
            text = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
            opinion->fields++;
        }
        seen = true;
    }
    return outcome != HPE_OK
        ? outcome
        : llhttp_execute(&opinion->llhttp, text, (size_t)(end - text));
}

static bool same_head(
    const struct opinion *opinion, const struct head *head, const char *text, size_t len)
{
    const llhttp_t *llhttp = &opinion->llhttp;

    return llhttp_get_error_pos(llhttp) == text + len && llhttp->http_major == 1 &&
        llhttp->http_minor == head->minor && opinion->fields == head->field_count &&
        same_framing(head, llhttp);
}

enum refusal second_opinion_request(const struct head *head, const char *text, size_t len)
{
    struct opinion opinion;

    prepare(&opinion, HTTP_REQUEST);
    llhttp_errno_t outcome = llhttp_execute(&opinion.llhttp, text, len);
    if (outcome == HPE_INVALID_METHOD)
        return REFUSE_METHOD_UNKNOWN;
    if (outcome != HPE_PAUSED || !same_head(&opinion, head, text, len) ||
        opinion.target.text != head->target.text ||
        opinion.target.len != head->target.len ||
        !span_is(head->method, llhttp_method_name(opinion.llhttp.method)))
        return REFUSE_SECOND_OPINION;
    /* Our own rule: nobody needs an echo of Authorization (RFC 9110, 9.3.8). */
    if (opinion.llhttp.method == HTTP_TRACE)
        return REFUSE_METHOD_UNKNOWN;
    return ACCEPTED;
}

enum refusal second_opinion_response(
    const struct head *head, const char *text, size_t len)
{
    struct opinion opinion;

    if (show_reply(&opinion, head, text, len) != HPE_PAUSED ||
        !same_head(&opinion, head, text, len) ||
        opinion.llhttp.status_code != head->status)
        return REFUSE_SECOND_OPINION;
    return ACCEPTED;
}
