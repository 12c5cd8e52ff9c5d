#include "proxy/session/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/http/authentication.h"
#include "proxy/http/error_reply.h"
#include "proxy/http/field_name.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"
#include "proxy/session/access_record.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/admission.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/ending.h"
#include "proxy/session/error_status.h"
#include "proxy/session/tunnel.h"

static const struct service_settings *settings_of(const struct exchange *x)
{
    return x->client->service->settings;
}

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

/* Nor one that answered HEAD: if it sent a body all the same, that would be read as the
 * reply to the next request. */
static bool backend_may_stay(const struct exchange *x, const struct head *head)
{
    bool kept = settings_of(x)->backend_keepalive > 0 || x->binds;

    return kept && !x->to_head &&
        (head->body == BODY_NONE || !ignores_bodies(head->method));
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

static struct exchange *obtain(struct clients *clients)
{
    struct list *spare = free_list_take(&clients->exchanges);
    struct exchange *x;

    if (spare != NULL)
        return container_of(spare, struct exchange, link);
    x = calloc(1, sizeof(*x));
    if (x == NULL)
        abort();
    list_init(&x->link);
    return x;
}

static struct exchange *make(
    struct client *c, const struct head *head, void (*done)(struct client *c))
{
    struct exchange *x = obtain(c->clients);

    x->client = c;
    x->done = done;
    x->minor = head->minor > 0;
    x->to_head = span_is(head->method, "HEAD");
    x->keep_alive = head->keep_alive;
    x->idempotent = head->body == BODY_NONE && is_idempotent(head->method);
    x->upgrade = asks_websocket(x, head);
    x->binds = c->bound != NULL || authentication_binds(head);
    x->reply_keeps = backend_may_stay(x, head);
    x->expects = head->expect_continue && head->minor > 0 &&
        (head->body == BODY_CHUNKED || head->length > 0);
    x->request_part = PART_BODY;
    pace_restart(&x->upload, loop_now(c->clients->loop));
    x->authorized = is_authorized(head);
    x->id = request_id_of(head);
    x->record = access_open(c, head, x->id.text);
    return x;
}

/* Everything but what is worth keeping for the next one: the memory of its buffers. */
static void wipe(struct exchange *x)
{
    struct buffer request = x->request;
    struct parser *replies = x->replies;
    size_t max_head = x->max_head;

    buffer_clear(&request);
    buffer_shrink(&request, BUFFER_KEEP);
    if (replies != NULL && !parser_is_idle(replies)) {
        parser_free(replies);
        replies = NULL;
    }
    memset(x, 0, sizeof(*x));
    x->request = request;
    x->replies = replies;
    x->max_head = max_head;
    list_init(&x->link);
}

void exchange_free_unused(struct list *link)
{
    struct exchange *x = container_of(link, struct exchange, link);

    parser_free(x->replies);
    buffer_destroy(&x->request);
    free(x);
}

static void close_exchange(struct exchange *x, enum end_reason reason)
{
    struct client *c = x->client;
    const struct access_outcome outcome = {
        .reason = reason,
        .status = x->status,
        .in = x->received,
        .out = x->sent,
        .first_byte = x->first_byte,
        .asked = x->asked,
        .answered = loop_now(c->clients->loop),
        .backend = backend_address_text(x->address),
    };

    access_close(x->record, &outcome);
    backend_abort(&x->backend);
    backend_address_keep(&x->address, NULL);
    buffer_clear(&c->clients->scratch);
    c->exchange = NULL;
    wipe(x);
    if (!free_list_keep(&c->clients->exchanges, &x->link))
        exchange_free_unused(&x->link);
}

/* By `paths` and `auth_failures`. False: it was answered, and the exchange is gone. */
static bool is_let_through(struct exchange *x, const struct head *head)
{
    struct client *c = x->client;

    switch (access_rules_judge(c->service->rules, head->method, head->target)) {
    case PATH_UNKNOWN:
        exchange_fail(x, END_PATH_REFUSED, "");
        return false;
    case PATH_METHOD_NOT_ALLOWED:
        x->reply_fields = access_rules_allowed(c->service->rules, head->target);
        exchange_fail(x, END_METHOD_REFUSED, "");
        return false;
    default:
        break;
    }
    if (!source_logins_exhausted(
            c->source, settings_of(x)->auth_failures, loop_now(c->clients->loop)))
        return true;
    x->reply_fields = "Retry-After: 60\r\n";
    exchange_fail(x, END_AUTH_FAILURES, "");
    return false;
}

void exchange_begin(
    struct client *c, const struct head *head, void (*done)(struct client *c))
{
    struct exchange *x = make(c, head, done);
    const struct service_settings *settings = settings_of(x);

    client_enter(c, CLIENT_EXCHANGE, settings->response_timeout);
    c->exchange = x;
    c->requests++;
    c->clients->counters.requests++;
    if (settings->max_body > 0 && head->body == BODY_LENGTH &&
        head->length > settings->max_body) {
        exchange_fail(x, END_BODY_TOO_LARGE, "");
        return;
    }
    if (is_let_through(x, head))
        exchange_forward(x, head);
}

static enum awaited awaited_now(const struct exchange *x)
{
    if (x->client->full)
        return AWAITED_READER;
    if (x->request_part != PART_DONE && !x->backend_full && backend_is_ready(x->backend))
        return AWAITED_REQUEST;
    return AWAITED_BACKEND;
}

/* Each sign of life gives the one we wait for its full time again; not so a reader, who
 * is looked after in exchange_expired(). */
void exchange_rearm(struct exchange *x)
{
    const struct service_settings *settings = settings_of(x);
    enum awaited before = x->awaited;

    x->awaited = awaited_now(x);
    if (x->backend != NULL)
        backend_await_reply(x->backend, x->awaited == AWAITED_BACKEND);
    if (x->awaited == AWAITED_READER && before == AWAITED_READER)
        return;
    if (x->awaited == AWAITED_READER)
        client_watch(x->client);
    client_arm(x->client,
        x->awaited == AWAITED_BACKEND ? settings->response_timeout
                                      : settings->body_timeout);
}

static void judge_reader(struct exchange *x)
{
    const struct service_settings *settings = settings_of(x);
    struct client *c = x->client;
    size_t taken;

    if (!client_took_some(c, &taken))
        exchange_client_gone(x, END_READ_TIMEOUT);
    else if (pace_is_too_slow(taken, settings->body_timeout, settings->min_rate))
        exchange_client_gone(x, END_TOO_SLOW);
    else
        client_arm(c, settings->body_timeout);
}

static void backend_was_silent(struct exchange *x)
{
    backend_is_silent(x->backend);
    exchange_fail(x, END_BACKEND_TIMEOUT, "silent for response_timeout");
}

void exchange_expired(struct exchange *x)
{
    if (x->awaited == AWAITED_READER)
        judge_reader(x);
    else if (x->awaited == AWAITED_REQUEST)
        exchange_fail(x, END_BODY_TIMEOUT, "");
    else
        backend_was_silent(x);
}

void exchange_update_reading(struct exchange *x)
{
    client_read_if(x->client, !x->backend_full && !client_is_far_ahead(x->client));
}

void exchange_client_drained(struct exchange *x)
{
    exchange_rearm(x);
    if (x->backend != NULL)
        stream_resume(&x->backend->stream);
}

/* A half-close: the answer still goes out, unless the request can no longer be complete
 * and nobody has answered it so far (RFC 9112, 9.5). */
void exchange_client_ended(struct exchange *x)
{
    if (x->request_part != PART_DONE && !x->answering)
        exchange_fail(x, END_BAD_REQUEST, "");
}

void exchange_client_gone(struct exchange *x, enum end_reason reason)
{
    struct client *c = x->client;

    close_exchange(x, reason);
    client_close(c, reason);
}

void exchange_refuse(
    struct exchange *x, enum end_reason reason, unsigned status, const char *text)
{
    struct client *c = x->client;
    bool answering = x->answering, to_head = x->to_head;
    const char *fields = x->reply_fields;

    if (!answering) {
        x->status = status;
        x->sent = reply_body_length(text, to_head);
        x->first_byte = loop_now(c->clients->loop);
    }
    close_exchange(x, reason);
    if (answering)
        client_cut(c, reason);
    else
        client_refuse(c, reason, status, text, fields, to_head);
}

bool exchange_client_may_stay(const struct exchange *x)
{
    const struct client *c = x->client;

    return x->keep_alive && x->request_part == PART_DONE && !c->clients->draining &&
        (c->peer == CLIENT_TALKS || buffer_len(&c->unparsed) > 0) &&
        c->ahead < c->service->settings->max_pipelined;
}

/* The request is wholly read and nothing was answered: the client's connection is as good
 * as after any other reply. */
static void answer_and_go_on(
    struct exchange *x, enum end_reason reason, const struct error_status *reply)
{
    struct client *c = x->client;
    void (*done)(struct client *) = x->done;

    x->status = reply->status;
    x->sent = reply_body_length(reply->text, x->to_head);
    x->first_byte = loop_now(c->clients->loop);
    client_answer(c, reply->status, reply->text, x->to_head);
    close_exchange(x, reason);
    done(c);
}

void exchange_fail(struct exchange *x, enum end_reason reason, const char *detail)
{
    const struct error_status *reply = error_status_of(reason);

    if (end_reason_fault(reason) == FAULT_BACKEND)
        client_log_backend_failure(x->client, backend_address_text(x->address), reason,
            x->answering ? "cut" : "refused", detail);
    if (end_reason_fault(reason) == FAULT_BACKEND && x->backend != NULL)
        x->client->clients->counters.backend_failures++; /* else it was counted */
    if (!x->answering && exchange_client_may_stay(x))
        answer_and_go_on(x, reason, reply);
    else
        exchange_refuse(x, reason, reply->status, reply->text);
}

void exchange_finish(struct exchange *x)
{
    struct client *c = x->client;
    bool whole = x->request_part == PART_DONE;
    bool keep_alive = whole && !x->closes && !c->clients->draining;
    void (*done)(struct client *) = x->done;

    if (whole && x->reply_keeps && !x->binds)
        backend_release(&x->backend);
    else if (whole && x->reply_keeps && keep_alive)
        backend_bind(&x->backend, &c->bound);
    close_exchange(x, END_DONE);
    if (keep_alive) {
        done(c);
        return;
    }
    buffer_destroy(&c->unparsed);
    client_end(c, END_DONE);
}

/* Of the client's bytes those that came and went before the tunnel begins: what is behind
 * them is the tunnel's. */
static struct access_outcome outcome_so_far(const struct exchange *x)
{
    const struct client *c = x->client;

    return (struct access_outcome){
        .status = x->status,
        .in = c->stream.bytes_in - buffer_len(&c->unparsed),
        .out = c->stream.bytes_out,
        .first_byte = x->first_byte,
        .asked = x->asked,
        .backend = backend_address_text(x->address),
    };
}

void exchange_upgraded(struct exchange *x, const char *bytes, size_t len)
{
    struct client *c = x->client;
    const struct tunnel_start start = {
        .backend = x->backend,
        .record = x->record,
        .began = outcome_so_far(x),
    };

    x->record = NULL;
    backend_hand_over(&x->backend);
    close_exchange(x, END_DONE);
    tunnel_take_over(c, &start, bytes, len);
}
