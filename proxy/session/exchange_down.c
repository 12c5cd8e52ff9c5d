/* The backend's side of an exchange: its bytes, judged and written anew to the client. */
#include <string.h>
#include <time.h>

#include "proxy/http/authentication.h"
#include "proxy/http/forward.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"
#include "proxy/session/admission.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/exchange.h"

enum {
    FLIGHT_MAX = 16 * 1024, /* gathered before it is written: one TLS record */
};

static struct buffer *flight_of(struct exchange *x)
{
    return &x->client->clients->scratch;
}

static void write_to_client(struct exchange *x, const char *bytes, size_t len)
{
    if (x->first_byte == 0)
        x->first_byte = loop_now(x->client->clients->loop);
    x->answering = true;
    client_write(x->client, bytes, len);
}

static void send_flight(struct exchange *x)
{
    struct buffer *flight = flight_of(x);

    if (buffer_len(flight) == 0)
        return;
    write_to_client(x, buffer_data(flight), buffer_len(flight));
    buffer_clear(flight);
}

/* Small parts travel together, large ones are not copied. */
static void add_to_flight(struct exchange *x, const char *bytes, size_t len)
{
    if (buffer_len(flight_of(x)) + len > FLIGHT_MAX)
        send_flight(x);
    if (len > FLIGHT_MAX)
        write_to_client(x, bytes, len);
    else if (len > 0)
        buffer_append(flight_of(x), bytes, len);
}

/* Only where the reply itself says how long it is: a body behind a 204 or 304 would be
 * read as the reply to the next request. */
static bool says_its_length(const struct head *head)
{
    return head->body == BODY_CHUNKED ||
        (head->has_length && head->status != 204 && head->status != 304);
}

static void take_final_head(struct exchange *x, const struct head *head)
{
    struct client *c = x->client;
    struct forward_response how = {
        .client_keep_alive = exchange_client_may_stay(x),
        .client_minor = x->minor,
        .to_head = x->to_head,
        .upgrade = head->status == 101,
        .now = time(NULL),
    };

    x->to_client = forward_response(head, &how, flight_of(x), &x->closes);
    if (head->status == 401 && x->authorized)
        source_login_failed(
            c->source, c->service->settings->auth_failures, loop_now(c->clients->loop));
    x->status = head->status;
    x->reply_keeps = x->reply_keeps && head->keep_alive && says_its_length(head);
    x->binds = x->binds || authentication_binds(head);
    x->response_part = PART_BODY;
}

/* False: the exchange is over. */
static bool take_head(struct exchange *x, const char *rest, size_t rest_len)
{
    const struct head *head = parser_head(x->replies);

    if (head->status == 101) {
        take_final_head(x, head);
        send_flight(x);
        exchange_upgraded(x, rest, rest_len);
        return false;
    }
    if (head->status >= 200) /* others are swallowed: XAPI takes a 1xx for the answer */
        take_final_head(x, head);
    return true;
}

static bool take_body(struct exchange *x, const char *bytes, size_t len)
{
    char before[FRAMING_OVERHEAD], after[FRAMING_OVERHEAD];
    size_t before_len, after_len;

    if (!framing_part(&x->to_client, len, before, &before_len, after, &after_len)) {
        exchange_fail(x, END_BACKEND_NONSENSE, "more bytes than announced");
        return false;
    }
    x->sent += len;
    add_to_flight(x, before, before_len);
    add_to_flight(x, bytes, len);
    add_to_flight(x, after, after_len);
    return true;
}

/* Bytes behind the end of a reply are no reason to withhold the reply: what was announced
 * is whole. They belong to nobody, so that connection serves no other request. */
static void take_end(struct exchange *x, size_t surplus)
{
    const char *end = framing_end(&x->to_client);

    if (end == NULL) {
        exchange_fail(x, END_BACKEND_NONSENSE, "fewer bytes than announced");
        return;
    }
    if (surplus > 0) {
        client_log_surplus(x->client->clients, x->client->service,
            backend_address_text(x->address), surplus);
        x->reply_keeps = false;
    }
    add_to_flight(x, end, strlen(end));
    send_flight(x);
    x->response_part = PART_DONE;
    exchange_finish(x);
}

/* What is left of this read stays with the stream: it is paused, not we. */
static void after_data(struct exchange *x)
{
    send_flight(x);
    if (x->client->full)
        stream_pause(&x->backend->stream);
    exchange_rearm(x);
}

static void on_data(void *user, const char *bytes, size_t len)
{
    struct exchange *x = user;
    const char *body;
    size_t body_len;

    x->heard = true;
    for (;;) {
        switch (parser_next(x->replies, &bytes, &len, &body, &body_len)) {
        case PARSE_NEED_INPUT:
            after_data(x);
            return;
        case PARSE_HEAD:
            if (!take_head(x, bytes, len))
                return;
            break;
        case PARSE_BODY:
            if (!take_body(x, body, body_len))
                return;
            break;
        case PARSE_DONE:
            if (x->response_part == PART_HEAD)
                break; /* of an interim reply */
            take_end(x, len);
            return;
        case PARSE_ERROR:
            exchange_fail(x, END_BACKEND_NONSENSE, parser_error(x->replies));
            return;
        }
    }
}

static void on_ready(void *user)
{
    struct exchange *x = user;

    exchange_send_request(x);
    exchange_rearm(x);
    exchange_update_reading(x);
}

static void on_drained(void *user)
{
    struct exchange *x = user;

    if (!x->backend_full)
        return;
    x->backend_full = false;
    pace_restart(&x->upload, loop_now(x->client->clients->loop));
    exchange_rearm(x);
    exchange_update_reading(x);
}

/* Its FIN completes a reply that has no other end, and cuts every other. */
static void on_ended(void *user)
{
    struct exchange *x = user;

    if (x->response_part == PART_BODY && parser_end(x->replies) == PARSE_DONE)
        take_end(x, 0);
    else if (!exchange_retry(x))
        exchange_fail(x, END_BACKEND_GONE,
            x->heard ? "closed in the middle of the reply" : "closed without a reply");
}

static void on_failed(void *user, enum end_reason reason, const char *detail)
{
    struct exchange *x = user;

    if (reason != END_BACKEND_GONE || !exchange_retry(x))
        exchange_fail(x, reason, detail);
}

const struct backend_events exchange_backend_events = {
    .ready = on_ready,
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .failed = on_failed,
};
