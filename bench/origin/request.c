#include "bench/origin/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool slice_is(struct slice slice, const char *text)
{
    return strlen(text) == slice.len && strncasecmp(slice.text, text, slice.len) == 0;
}

uint64_t slice_number(struct slice slice)
{
    uint64_t number = 0;

    for (size_t i = 0; i < slice.len && slice.text[i] >= '0' && slice.text[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(slice.text[i] - '0');
    return number;
}

static struct slice trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return (struct slice){from, (size_t)(to - from)};
}

void request_each_field(const struct slice *head,
    void (*visit)(void *owner, struct slice name, struct slice value), void *owner)
{
    const char *end = head->text + head->len;
    const char *line = memchr(head->text, '\n', head->len);

    while (line != NULL && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *stop = next != NULL ? next : end;
        const char *colon = memchr(line, ':', (size_t)(stop - line));

        if (colon != NULL)
            visit(owner, trim(line, colon), trim(colon + 1, stop));
        line = next;
    }
}

static void note_field(void *owner, struct slice name, struct slice value)
{
    struct request *request = owner;

    if (slice_is(name, "content-length"))
        request->content_length = slice_number(value);
    else if (slice_is(name, "transfer-encoding"))
        request->chunked = slice_is(value, "chunked");
    else if (slice_is(name, "soapaction"))
        request->soap_action = value;
    else if (slice_is(name, "expect"))
        request->expects_continue = slice_is(value, "100-continue");
    else if (slice_is(name, "connection") && slice_is(value, "close"))
        request->keep_alive = false;
    else if (slice_is(name, "connection") && slice_is(value, "keep-alive"))
        request->keep_alive = true;
}

static bool parse_request_line(struct request *request)
{
    const char *text = request->head.text;
    const char *end = memchr(text, '\r', request->head.len);
    const char *space = memchr(text, ' ', (size_t)(end - text));
    const char *version;

    if (space == NULL)
        return false;
    request->method = (struct slice){text, (size_t)(space - text)};
    version = memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (version == NULL)
        return false;
    request->target = (struct slice){space + 1, (size_t)(version - space - 1)};
    request->keep_alive = end[-1] == '1'; /* HTTP/1.1 */
    return true;
}

long request_parse(struct request *request, const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);

    if (end == NULL)
        return 0;
    *request = (struct request){.head = {data, (size_t)(end - data) + 4}};
    if (!parse_request_line(request))
        return -1;
    request_each_field(&request->head, note_field, request);
    return (long)request->head.len;
}

void body_start(struct body *body, const struct request *request)
{
    body->left = request->content_length;
    body->state = request->chunked ? CHUNK_SIZE
        : body->left > 0           ? BODY_LENGTH
                                   : BODY_DONE;
}

static long feed_content(
    struct body *body, const char *data, size_t len, struct slice *content)
{
    size_t take = len < body->left ? len : (size_t)body->left;

    *content = (struct slice){data, take};
    body->left -= take;
    if (body->left == 0)
        body->state = body->state == CHUNK_DATA ? CHUNK_END : BODY_DONE;
    return (long)take;
}

static bool line_seen(struct body *body, const char *line, size_t len)
{
    char *end;

    if (body->state == CHUNK_END) {
        body->state = CHUNK_SIZE;
    } else if (body->state == TRAILER) {
        body->state = len <= 2 ? BODY_DONE : TRAILER;
    } else {
        body->left = strtoull(line, &end, 16);
        body->state = body->left > 0 ? CHUNK_DATA : TRAILER;
        return end != line;
    }
    return true;
}

long body_feed(struct body *body, const char *data, size_t len, struct slice *content)
{
    const char *end;

    *content = (struct slice){NULL, 0};
    if (len == 0 || body->state == BODY_DONE)
        return 0;
    if (body->state == BODY_LENGTH || body->state == CHUNK_DATA)
        return feed_content(body, data, len, content);
    end = memchr(data, '\n', len);
    if (end == NULL)
        return 0;
    return line_seen(body, data, (size_t)(end - data) + 1) ? end - data + 1 : -1;
}
