#include "proxy/admin/answer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/admin/exposition.h"
#include "proxy/admin/page.h"
#include "proxy/admin/ready.h"
#include "proxy/base/buffer.h"
#include "proxy/base/memory.h"
#include "proxy/http/date.h"
#include "proxy/http/error_reply.h"
#include "proxy/http/head.h"

static const char plain[] = "text/plain; charset=utf-8";
static const char master_silent[] = "the master does not tell how it is\n";

static const struct {
    const char *target;
    enum answer_path path;
} paths[] = {
    {"/", ANSWER_PAGE},
    {"/healthz", ANSWER_HEALTHZ},
    {"/readyz", ANSWER_READYZ},
    {"/metrics", ANSWER_METRICS},
    {"/status.json", ANSWER_STATUS},
};

static const char *reason_of(unsigned status)
{
    return status == 200 ? "OK"
        : status == 403  ? "Forbidden"
                         : error_reply_reason(status);
}

static const char no_page[] = "default-src 'none'; frame-ancestors 'none'";

/* The page may not be cached, sniffed, framed or linked from, and loads nothing from
 * elsewhere. */
static void write_head(
    struct buffer *out, unsigned status, const char *type, const char *policy, size_t len)
{
    buffer_printf(out,
        "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: %s\r\n"
        "Referrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"
        "%sConnection: close\r\n\r\n",
        status, reason_of(status), date_text(time(NULL)), type, len, policy,
        status == 405 ? "Allow: GET, HEAD\r\n" : "");
}

static void write_body(struct buffer *out, const struct answer_request *request,
    unsigned status, const char *type, const struct buffer *body)
{
    write_head(out, status, type, no_page, buffer_len(body));
    if (!request->to_head)
        buffer_append(out, buffer_data(body), buffer_len(body));
}

static void write_page(struct buffer *out, const struct answer_request *request)
{
    write_head(out, 200, "text/html; charset=utf-8", page_policy, page_len);
    if (!request->to_head)
        buffer_append(out, page, page_len);
}

/* "Accept: application/openmetrics-text;version=1.0.0;q=0.5,...": Prometheus prefers it
 * whenever it names it. */
static bool names_openmetrics(struct span accept)
{
    static const char type[] = "application/openmetrics-text";

    return accept.text != NULL &&
        memmem(accept.text, accept.len, type, sizeof(type) - 1) != NULL;
}

struct answer_request answer_request_of(const struct head *head)
{
    struct answer_request request = {
        .to_head = span_is(head->method, "HEAD"),
        .other_method = !span_is(head->method, "GET") && !span_is(head->method, "HEAD"),
        .wants_openmetrics = names_openmetrics(head_find(head, "Accept")),
    };
    struct span target = head->target;
    const char *query = target.len > 0 ? memchr(target.text, '?', target.len) : NULL;

    if (query != NULL)
        target.len = (size_t)(query - target.text);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (span_is(target, paths[i].target))
            request.path = paths[i].path;
    }
    return request;
}

bool answer_needs_status(const struct answer_request *request)
{
    return !request->other_method && request->path != ANSWER_NOT_FOUND &&
        request->path != ANSWER_PAGE && request->path != ANSWER_HEALTHZ;
}

static void write_readyz(struct buffer *out, const struct answer_request *request,
    const json_t *status, time_t now)
{
    struct buffer body = {0};
    bool ready = status != NULL && ready_judge(status, now, &body);

    if (status == NULL)
        buffer_append_text(&body, master_silent);
    if (ready)
        buffer_append_text(&body, "ready\n");
    write_body(out, request, ready ? 200 : 503, plain, &body);
    buffer_destroy(&body);
}

static void write_metrics(
    struct buffer *out, const struct answer_request *request, const json_t *status)
{
    struct buffer body = {0};

    exposition_write(&body,
        request->wants_openmetrics ? EXPOSITION_OPENMETRICS : EXPOSITION_PROMETHEUS,
        status);
    write_body(out, request, 200,
        request->wants_openmetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8",
        &body);
    buffer_destroy(&body);
}

static void write_status(
    struct buffer *out, const struct answer_request *request, const json_t *status)
{
    char *text = memory_checked(json_dumps(status, JSON_COMPACT));
    struct buffer body = {0};

    buffer_append_text(&body, text);
    write_body(out, request, 200, "application/json", &body);
    buffer_destroy(&body);
    free(text);
}

static void write_text(struct buffer *out, const struct answer_request *request,
    unsigned status, const char *text)
{
    struct buffer body = {0};

    buffer_append_text(&body, text);
    write_body(out, request, status, plain, &body);
    buffer_destroy(&body);
}

void answer_refuse(
    struct buffer *out, unsigned status, const char *sentence, bool to_head)
{
    const struct answer_request request = {.to_head = to_head};
    struct buffer body = {0};

    buffer_append_text(&body, sentence);
    buffer_append_text(&body, "\n");
    write_body(out, &request, status, plain, &body);
    buffer_destroy(&body);
}

void answer_write(struct buffer *out, const struct answer_request *request,
    const json_t *status, time_t now)
{
    if (request->other_method)
        write_text(out, request, 405, "GET and HEAD are what there is\n");
    else if (request->path == ANSWER_NOT_FOUND)
        write_text(out, request, 404,
            "there are /, /metrics, /healthz, /readyz and /status.json\n");
    else if (request->path == ANSWER_PAGE)
        write_page(out, request);
    else if (request->path == ANSWER_HEALTHZ)
        write_text(out, request, 200, "ok\n");
    else if (request->path == ANSWER_READYZ)
        write_readyz(out, request, status, now);
    else if (status == NULL)
        write_text(out, request, 503, master_silent);
    else if (request->path == ANSWER_METRICS)
        write_metrics(out, request, status);
    else
        write_status(out, request, status);
}
