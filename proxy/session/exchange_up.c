/* The client's side of an exchange: its request, written anew to the backend. */
#include <string.h>

#include "proxy/http/forward.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/exchange.h"
#include "proxy/tls/tls.h"

enum { EARLY_MAX = 64 * 1024 }; /* of a request, while its backend is not connected */

static const char continue_head[] = "HTTP/1.1 100 Continue\r\n\r\n";

static const struct service_settings *settings_of(const struct exchange *x)
{
    return x->client->service->settings;
}

static uint64_t now_of(const struct exchange *x)
{
    return loop_now(x->client->clients->loop);
}

static void expect_reply(struct exchange *x)
{
    struct parser_limits limits = {.max_head = settings_of(x)->max_head};

    if (x->replies != NULL && x->max_head != limits.max_head) {
        parser_free(x->replies);
        x->replies = NULL;
    }
    if (x->replies == NULL)
        x->replies = parser_new(PARSER_RESPONSE, &limits);
    x->max_head = limits.max_head;
    parser_expect_response(x->replies, x->to_head, x->upgrade);
}

static void write_request_head(struct exchange *x, const struct head *head)
{
    struct client *c = x->client;
    const struct service_settings *settings = settings_of(x);
    const struct tls_info *tls =
        settings->verify != VERIFY_OFF ? stream_tls_info(&c->stream) : NULL;
    bool certified = tls != NULL && tls->peer_sha256 != NULL && *tls->peer_sha256 != '\0';
    struct forward_request how = {
        .forwarded = settings->forwarded,
        .request_id = x->id.text,
        .keep_alive = x->reply_keeps,
        .upgrade = x->upgrade,
        .client_ip = client_ip(c),
        .cert_subject = certified ? tls->peer_subject : NULL,
        .cert_sha256 = certified ? tls->peer_sha256 : NULL,
        .cert_asked = settings->verify != VERIFY_OFF,
    };

    x->to_backend = forward_request(head, &how, &x->request);
}

static bool acquire(struct exchange *x, bool fresh)
{
    struct client *c = x->client;
    const struct backend_events *events = &exchange_backend_events;

    if (x->asked == 0)
        x->asked = now_of(x);
    backend_address_keep(&x->address, backend_only(c->service));
    if (!backend_take_bound(&c->bound, events, x, &x->backend) &&
        !backend_acquire(c->clients, c->service, fresh, events, x, &x->backend))
        return false;
    x->reused = backend_is_ready(x->backend);
    if (x->reused)
        exchange_send_request(x);
    return true;
}

/* The backend may be closing an idle connection at this moment, so that it is for what
 * could be sent again. */
static bool may_use_idle(const struct exchange *x)
{
    return x->idempotent || settings_of(x)->backend_keepalive_post;
}

void exchange_forward(struct exchange *x, const struct head *head)
{
    write_request_head(x, head);
    expect_reply(x);
    if (acquire(x, !may_use_idle(x)))
        exchange_rearm(x);
    else
        exchange_fail(x, END_BACKEND_NONE, "no address to connect to");
}

void exchange_send_request(struct exchange *x)
{
    backend_address_keep(&x->address, x->backend->address);
    x->backend_full =
        !backend_write(x->backend, buffer_data(&x->request), buffer_len(&x->request));
    if (!x->idempotent)
        buffer_clear(&x->request);
    if (x->expects && x->request_part == PART_BODY && x->received == 0)
        client_write(x->client, continue_head, sizeof(continue_head) - 1);
    x->expects = false;
    pace_restart(&x->upload, now_of(x));
}

/* RFC 9112, 9.3.1: a connection that was idle may have been closed before the request
 * reached anyone. Not one byte of an answer came, and doing it twice does no harm. */
bool exchange_retry(struct exchange *x)
{
    if (!x->idempotent || !x->reused || x->heard)
        return false;
    backend_abort(&x->backend);
    if (!acquire(x, true))
        return false;
    exchange_rearm(x);
    return true;
}

static void give(struct exchange *x, const char *bytes, size_t len)
{
    if (len == 0)
        return;
    if (backend_is_ready(x->backend)) {
        if (!backend_write(x->backend, bytes, len))
            x->backend_full = true;
        return;
    }
    buffer_append(&x->request, bytes, len);
    if (buffer_len(&x->request) > EARLY_MAX)
        x->backend_full = true;
}

void exchange_body(struct exchange *x, const char *bytes, size_t len)
{
    const struct service_settings *settings = settings_of(x);
    char before[FRAMING_OVERHEAD], after[FRAMING_OVERHEAD];
    size_t before_len, after_len;

    x->received += len;
    if (settings->max_body > 0 && x->received > settings->max_body) {
        exchange_fail(x, END_BODY_TOO_LARGE, "");
        return;
    }
    x->upload.bytes += len;
    if (!framing_part(&x->to_backend, len, before, &before_len, after, &after_len)) {
        exchange_fail(x, END_BAD_REQUEST, "");
        return;
    }
    give(x, before, before_len);
    give(x, bytes, len);
    give(x, after, after_len);
    exchange_rearm(x);
}

void exchange_request_incomplete(struct exchange *x)
{
    const struct service_settings *settings = settings_of(x);

    if (!pace_keeps(&x->upload, settings->min_rate, settings->body_timeout, now_of(x)))
        exchange_fail(x, END_TOO_SLOW, "");
}

void exchange_request_done(struct exchange *x)
{
    const char *end = framing_end(&x->to_backend);

    if (end == NULL) {
        exchange_fail(x, END_BAD_REQUEST, "");
        return;
    }
    give(x, end, strlen(end));
    x->request_part = PART_DONE;
    exchange_rearm(x);
}

bool exchange_wants_request(const struct exchange *x)
{
    return x->request_part != PART_DONE;
}
