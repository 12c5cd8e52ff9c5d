/* The client's side of an exchange: writes its request anew for the backend. */
#include <string.h>

#include "proxy/http/authentication.h"
#include "proxy/http/field_name.h"
#include "proxy/http/forward.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/backend_acquire.h"
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

/* ---- its head ---- */

/* RFC 9110, 9.2.2. */
static bool is_idempotent(struct span method)
{
    static const char *const methods[] = {
        "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (span_is(method, methods[i]))
            return true;
    }
    return false;
}

/* RFC 9110, 9.3: methods for which a body means nothing. A backend that does not read it
 * would take it for the next request (CL.0), so that connection serves no other. */
static bool ignores_bodies(struct span method)
{
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (span_is(method, methods[i]))
            return true;
    }
    return false;
}

/* A connection that answered HEAD serves no other request: if it sent a body all the
 * same, that would be read as the next reply. */
static enum exchange_reuse reuse_of(const struct exchange *x, const struct head *head)
{
    bool bound = x->client->bound != NULL || authentication_binds(head) ||
        settings_of(x)->send_proxy != PROXY_PROTOCOL_OFF;

    if ((!bound && settings_of(x)->backend_keepalive == 0) || x->facts.to_head ||
        (head->body != BODY_NONE && ignores_bodies(head->method)))
        return REUSE_NONE;
    return bound ? REUSE_BOUND : REUSE_ANY;
}

static bool asks_websocket(const struct exchange *x, const struct head *head)
{
    return settings_of(x)->upgrade == UPGRADE_WEBSOCKET && head->upgrade &&
        span_is(head->method, "GET") &&
        span_is_token(head_find(head, "Upgrade"), "websocket");
}

static bool is_authorized(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == FIELD_AUTHORIZATION)
            return true;
    }
    return false;
}

static struct request_facts facts_of(const struct exchange *x, const struct head *head)
{
    return (struct request_facts){
        .method = method_class_of(head->method.text, head->method.len),
        .minor = head->minor,
        .to_head = span_is(head->method, "HEAD"),
        .keep_alive = head->keep_alive,
        .idempotent = head->body == BODY_NONE && is_idempotent(head->method),
        .authorized = is_authorized(head),
        .upgrade = asks_websocket(x, head),
    };
}

static bool expects_continue(const struct head *head)
{
    return head->expect_continue && head->minor > 0 &&
        (head->body == BODY_CHUNKED || head->length > 0);
}

void exchange_up_init(struct exchange *x, const struct head *head)
{
    x->facts = facts_of(x, head);
    x->up = expects_continue(head) ? UP_EXPECTED : UP_BODY;
    x->reuse = reuse_of(x, head);
    pace_restart(&x->upload, now_of(x));
}

/* ---- to the backend ---- */

static enum forward_facts facts_for(const struct client *c)
{
    switch (c->service->settings->forwarded) {
    case FORWARDED_OFF:
        return FORWARD_AS_IT_CAME;
    case FORWARDED_APPEND:
        return access_rules_trust(c->service->rules, &c->address) ? FORWARD_BOTH
                                                                  : FORWARD_OURS;
    default:
        return FORWARD_OURS;
    }
}

static void write_request_head(struct exchange *x, const struct head *head)
{
    struct client *c = x->client;
    const struct service_settings *settings = settings_of(x);
    const struct tls_info *tls =
        settings->verify != VERIFY_OFF ? stream_tls_info(&c->stream) : NULL;
    bool certified = tls != NULL && tls->peer_sha256 != NULL && *tls->peer_sha256 != '\0';
    struct forward_request how = {
        .facts = facts_for(c),
        .request_id = x->id.text,
        .keep_alive = x->reuse != REUSE_NONE,
        .upgrade = x->facts.upgrade,
        .client_ip = client_ip(c),
        .cert_subject = certified ? tls->peer_subject : NULL,
        .cert_sha256 = certified ? tls->peer_sha256 : NULL,
        .cert_asked = settings->verify != VERIFY_OFF,
    };

    x->to_backend = forward_request(head, &how, &x->request);
}

static bool acquire(struct exchange *x, bool fresh, const struct backend_events *events)
{
    struct client *c = x->client;

    if (x->asked == 0)
        x->asked = now_of(x);
    backend_address_keep(&x->address, backend_only(c->service));
    x->search = (struct backend_search){
        .client = c, .source = client_source(c), .tried = &x->tried, .fresh = fresh};
    if (!backend_take_bound(&c->bound, events, x, &x->backend) &&
        !backend_acquire(&x->search, events, x, &x->backend))
        return false;
    x->reused = backend_is_ready(x->backend);
    if (x->reused)
        exchange_up_send(x);
    return true;
}

/* The backend may be closing an idle connection at this moment, so only a request that
 * can be sent again uses one. A connection that was told a client's address serves that
 * client alone. */
static bool may_use_idle(const struct exchange *x)
{
    return settings_of(x)->send_proxy == PROXY_PROTOCOL_OFF &&
        (x->facts.idempotent || settings_of(x)->backend_keepalive_post);
}

bool exchange_up_begin(
    struct exchange *x, const struct head *head, const struct backend_events *events)
{
    write_request_head(x, head);
    return acquire(x, !may_use_idle(x), events);
}

void exchange_up_send(struct exchange *x)
{
    backend_address_keep(&x->address, x->backend->address);
    x->backend_full =
        !backend_write(x->backend, buffer_data(&x->request), buffer_len(&x->request));
    if (!x->facts.idempotent)
        buffer_clear(&x->request);
    if (x->up == UP_EXPECTED) {
        client_write(x->client, continue_head, sizeof(continue_head) - 1);
        x->up = UP_BODY;
    }
    pace_restart(&x->upload, now_of(x));
}

/* RFC 9112, 9.3.1: an idle connection may have been closed before the request arrived,
 * which says nothing about its backend. */
static bool may_be_sent_again(struct exchange *x)
{
    if (!x->facts.idempotent || x->down != DOWN_SILENT)
        return false;
    if (x->reused) {
        x->tried = (struct balancer_tried){0};
        return true;
    }
    return x->retries++ < settings_of(x)->backend_retries &&
        balancer_has_choice(x->client->service->balancer, &x->tried);
}

/* Not one byte of an answer came, and a second execution does no harm. */
bool exchange_up_again(struct exchange *x, const struct backend_events *events)
{
    if (!may_be_sent_again(x))
        return false;
    backend_abort(&x->backend);
    if (!acquire(x, true, events))
        return false;
    x->client->clients->counters.backend_retries++;
    return true;
}

/* ---- from the client ---- */

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

enum end_reason exchange_up_body(struct exchange *x, const char *bytes, size_t len)
{
    uint64_t max_body = settings_of(x)->max_body;
    char before[FRAMING_OVERHEAD], after[FRAMING_OVERHEAD];
    size_t before_len, after_len;

    x->up = UP_BODY; /* it has not waited for a 100 Continue */
    x->received += len;
    if (max_body > 0 && x->received > max_body)
        return END_BODY_TOO_LARGE;
    x->upload.bytes += len;
    if (!framing_part(&x->to_backend, len, before, &before_len, after, &after_len))
        return END_BAD_REQUEST;
    give(x, before, before_len);
    give(x, bytes, len);
    give(x, after, after_len);
    return END_DONE;
}

enum end_reason exchange_up_end(struct exchange *x)
{
    const char *end = framing_end(&x->to_backend);

    if (end == NULL)
        return END_BAD_REQUEST;
    give(x, end, strlen(end));
    x->up = UP_DONE;
    return END_DONE;
}
