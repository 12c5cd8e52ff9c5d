#include "proxy/session/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"
#include "proxy/http/error_reply.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"
#include "proxy/session/access_record.h"
#include "proxy/session/backend.h"
#include "proxy/session/backend_health.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/ending.h"
#include "proxy/session/error_status.h"
#include "proxy/session/request_rules.h"
#include "proxy/session/tunnel.h"

static const struct service_settings *settings_of(const struct exchange *x)
{
    return x->client->service->settings;
}

static struct exchange *obtain(struct clients *clients)
{
    struct list *spare = free_list_take(&clients->exchanges);
    struct exchange *x;

    if (spare != NULL)
        return container_of(spare, struct exchange, link);
    x = memory_new(sizeof(*x));
    list_init(&x->link);
    return x;
}

static struct exchange *make(
    struct client *c, const struct head *head, void (*done)(struct client *c))
{
    struct exchange *x = obtain(c->clients);

    x->client = c;
    x->done = done;
    x->began = loop_now(c->clients->loop);
    exchange_up_init(x, head);
    x->id = request_id_of(head);
    x->record = access_open(c, head, x->id.text);
    return x;
}

/* Clears all but the memory of its buffers, which the next exchange uses again. */
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

static void count(const struct exchange *x)
{
    struct clients *clients = x->client->clients;
    struct latencies *latency = &clients->counters.latency;

    service_counts_add(&clients->services, x->client->service->settings->name,
        x->facts.method, x->status);
    latency_add(&latency->total, loop_now(clients->loop) - x->began);
    if (x->first_byte != 0)
        latency_add(&latency->first_byte, x->first_byte - x->began);
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

    count(x);
    access_close(x->record, &outcome);
    backend_abort(&x->backend);
    backend_address_keep(&x->address, NULL);
    buffer_clear(&c->clients->scratch);
    c->exchange = NULL;
    wipe(x);
    if (!free_list_keep(&c->clients->exchanges, &x->link))
        exchange_free_unused(&x->link);
}

/* ---- its end ---- */

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
    bool answering = x->down == DOWN_ANSWERING, to_head = x->facts.to_head;
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

/* The request is wholly read and nothing was answered: the client's connection is as good
 * as after any other reply. */
static void answer_and_go_on(
    struct exchange *x, enum end_reason reason, const struct error_status *reply)
{
    struct client *c = x->client;
    void (*done)(struct client *) = x->done;

    x->status = reply->status;
    x->sent = reply_body_length(reply->text, x->facts.to_head);
    x->first_byte = loop_now(c->clients->loop);
    client_answer(c, reply->status, reply->text, x->reply_fields, x->facts.to_head);
    close_exchange(x, reason);
    done(c);
}

/* All failures end here. */
static void fail(struct exchange *x, enum end_reason reason, const char *detail)
{
    const struct error_status *reply = error_status_of(reason);

    if (end_reason_fault(reason) == FAULT_BACKEND)
        client_log_backend_failure(x->client, backend_address_text(x->address), reason,
            x->down == DOWN_ANSWERING ? "cut" : "refused", detail);
    if (end_reason_fault(reason) == FAULT_BACKEND && x->backend != NULL)
        x->client->clients->counters.backend_failures++; /* else it was counted */
    if (x->down != DOWN_ANSWERING && exchange_client_may_stay(x))
        answer_and_go_on(x, reason, reply);
    else
        exchange_refuse(x, reason, reply->status, reply->text);
}

/* The reply is complete. */
static void finish(struct exchange *x)
{
    struct client *c = x->client;
    bool whole = x->up == UP_DONE;
    bool keep_alive = whole && !x->closes && !c->clients->draining;
    void (*done)(struct client *) = x->done;

    if (whole && x->reuse == REUSE_ANY)
        backend_release(&x->backend);
    else if (keep_alive && x->reuse == REUSE_BOUND)
        backend_bind(&x->backend, &c->bound);
    close_exchange(x, END_DONE);
    if (keep_alive) {
        done(c);
        return;
    }
    buffer_destroy(&c->unparsed);
    client_end(c, END_DONE);
}

/* The client's bytes before the tunnel begins; all later ones are the tunnel's. */
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

static void upgrade(struct exchange *x, const char *bytes, size_t len)
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

/* ---- the next to act ---- */

static enum awaited awaited_now(const struct exchange *x)
{
    if (x->client->full)
        return AWAITED_READER;
    if (x->up != UP_DONE && !x->backend_full && backend_is_ready(x->backend))
        return AWAITED_REQUEST;
    return AWAITED_BACKEND;
}

/* Each sign of life restarts the deadline of the peer we wait for, except of a reader,
 * which exchange_expired() judges. */
static void rearm(struct exchange *x)
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

void exchange_update_reading(struct exchange *x)
{
    client_read_if(x->client, !x->backend_full && !client_is_far_ahead(x->client));
}

/* ---- events of its backend ---- */

static void on_ready(void *user)
{
    struct exchange *x = user;

    exchange_up_send(x);
    rearm(x);
    exchange_update_reading(x);
}

static void on_drained(void *user)
{
    struct exchange *x = user;

    if (!x->backend_full)
        return;
    x->backend_full = false;
    pace_restart(&x->upload, loop_now(x->client->clients->loop));
    rearm(x);
    exchange_update_reading(x);
}

/* The rest of this read stays with the stream, which is paused. */
static void go_on_reading(struct exchange *x)
{
    if (x->client->full)
        stream_pause(&x->backend->stream);
    rearm(x);
}

static void on_data(void *user, const char *bytes, size_t len)
{
    struct exchange *x = user;
    const char *detail;

    switch (exchange_down_data(x, &bytes, &len, &detail)) {
    case REPLY_GOES_ON:
        go_on_reading(x);
        break;
    case REPLY_WHOLE:
        finish(x);
        break;
    case REPLY_UPGRADED:
        upgrade(x, bytes, len);
        break;
    case REPLY_REFUSED:
        backend_is_nonsense(x->backend);
        fail(x, END_BACKEND_NONSENSE, detail);
        break;
    }
}

static const struct backend_events backend_events;

static bool try_again(struct exchange *x)
{
    if (!exchange_up_again(x, &backend_events))
        return false;
    rearm(x);
    return true;
}

/* Its FIN completes a reply that has no other end, and cuts every other. */
static void on_ended(void *user)
{
    struct exchange *x = user;
    const char *detail;

    switch (exchange_down_fin(x, &detail)) {
    case REPLY_WHOLE:
        finish(x);
        break;
    case REPLY_REFUSED:
        fail(x, END_BACKEND_NONSENSE, detail);
        break;
    default:
        if (!try_again(x))
            fail(x, END_BACKEND_GONE,
                x->down == DOWN_SILENT ? "closed without a reply"
                                       : "closed in the middle of the reply");
        break;
    }
}

static void on_failed(void *user, enum end_reason reason, const char *detail)
{
    struct exchange *x = user;

    if (reason != END_BACKEND_GONE || !try_again(x))
        fail(x, reason, detail);
}

static const struct backend_events backend_events = {
    .ready = on_ready,
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .failed = on_failed,
};

/* ---- bytes of its client ---- */

/* A request without a body is whole at once, and its client may stay. */
static void refuse(struct exchange *x, const struct head *head, enum end_reason reason)
{
    if (head->body == BODY_NONE)
        x->refusal = reason;
    else
        fail(x, reason, "");
}

/* False: it is answered, and the exchange may be gone. */
static bool is_let_through(struct exchange *x, const struct head *head)
{
    enum end_reason reason = request_rules_judge(x->client, head, &x->reply_fields);

    if (reason == END_PATH_REFUSED || reason == END_METHOD_REFUSED)
        refuse(x, head, reason);
    else if (reason != END_DONE)
        fail(x, reason, "");
    return reason == END_DONE;
}

static void forward(struct exchange *x, const struct head *head)
{
    exchange_down_expect(x);
    if (exchange_up_begin(x, head, &backend_events))
        rearm(x);
    else
        fail(x, END_BACKEND_NONE, "no backend may be tried");
}

void exchange_begin(
    struct client *c, const struct head *head, void (*done)(struct client *c))
{
    struct exchange *x = make(c, head, done);

    client_enter(c, CLIENT_EXCHANGE, settings_of(x)->response_timeout);
    c->exchange = x;
    c->requests++;
    c->clients->counters.requests++;
    if (is_let_through(x, head))
        forward(x, head);
}

static void go_on_or_fail(struct exchange *x, enum end_reason reason)
{
    if (reason == END_DONE)
        rearm(x);
    else
        fail(x, reason, "");
}

void exchange_body(struct exchange *x, const char *bytes, size_t len)
{
    go_on_or_fail(x, exchange_up_body(x, bytes, len));
}

void exchange_request_incomplete(struct exchange *x)
{
    const struct service_settings *settings = settings_of(x);

    if (!pace_keeps(&x->upload, settings->min_rate, settings->body_timeout,
            loop_now(x->client->clients->loop)))
        fail(x, END_TOO_SLOW, "");
}

void exchange_request_done(struct exchange *x)
{
    if (x->refusal == END_DONE) {
        go_on_or_fail(x, exchange_up_end(x));
        return;
    }
    x->up = UP_DONE;
    fail(x, x->refusal, "");
}

bool exchange_wants_request(const struct exchange *x)
{
    return x->up != UP_DONE;
}

/* ---- other events of its client ---- */

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
    fail(x, END_BACKEND_TIMEOUT, "silent for response_timeout");
}

void exchange_expired(struct exchange *x)
{
    if (x->awaited == AWAITED_READER)
        judge_reader(x);
    else if (x->awaited == AWAITED_REQUEST)
        fail(x, END_BODY_TIMEOUT, "");
    else
        backend_was_silent(x);
}

void exchange_client_drained(struct exchange *x)
{
    rearm(x);
    if (x->backend != NULL)
        stream_resume(&x->backend->stream);
}

/* A half-close: the answer is still sent, unless the request can no longer become
 * complete and nothing was answered so far (RFC 9112, 9.5). */
void exchange_client_ended(struct exchange *x)
{
    if (x->up != UP_DONE && x->down != DOWN_ANSWERING)
        fail(x, END_BAD_REQUEST, "");
}
