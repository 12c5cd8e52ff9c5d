#include "proxy/session/await_head.h"

#include "proxy/http/parser.h"
#include "proxy/session/client.h"
#include "proxy/session/ending.h"
#include "proxy/session/error_status.h"
#include "proxy/session/exchange.h"
#include "proxy/session/pace.h"

/* ms in which a new connection has to begin its first request, while the worker is
 * drained, and while there is no room for another. */
enum { FIRST_REQUEST_GRACE = 1000 };

/* No other request is wanted while the last replies are still to be read. */
static bool wants_requests(const struct client *c)
{
    return (c->state == CLIENT_AWAIT_HEAD && !c->full && c->peer != CLIENT_SENT_FIN) ||
        (c->state == CLIENT_EXCHANGE && exchange_wants_request(c->exchange));
}

static struct parser *parser_of(struct client *c)
{
    struct parser_limits limits = {.max_head = c->service->settings->max_head};

    if (c->parser == NULL)
        c->parser = parser_new(PARSER_REQUEST, &limits);
    return c->parser;
}

static enum end_reason reason_of(unsigned status)
{
    switch (status) {
    case 413:
        return END_BODY_TOO_LARGE;
    case 414:
    case 431:
        return END_HEAD_TOO_LARGE;
    default:
        return END_BAD_REQUEST;
    }
}

/* Answers a request that the parser refused. */
static void refuse(struct client *c)
{
    unsigned status = parser_error_status(c->parser);
    const char *text = parser_error(c->parser);

    c->detail = text;
    if (c->state == CLIENT_EXCHANGE)
        exchange_refuse(c->exchange, reason_of(status), status, text);
    else
        client_refuse(
            c, reason_of(status), status, text, NULL, parser_says_head(c->parser));
}

/* The head's deadline runs from its first byte and is not extended. */
static void watch_head(struct client *c)
{
    if (c->in_head || parser_is_idle(c->parser))
        return;
    c->in_head = true;
    list_remove(&c->idle);
    client_arm(c, c->service->settings->head_timeout);
}

static void next_request(struct client *c);

/* Returns how many bytes were used up. */
static size_t take_requests(struct client *c, const char *bytes, size_t len)
{
    const char *at = bytes, *body;
    size_t left = len, body_len;

    while (wants_requests(c)) {
        switch (parser_next(parser_of(c), &at, &left, &body, &body_len)) {
        case PARSE_NEED_INPUT:
            if (c->state == CLIENT_EXCHANGE)
                exchange_request_incomplete(c->exchange);
            else
                watch_head(c);
            return len;
        case PARSE_HEAD:
            c->ahead += c->batch > 0;
            exchange_begin(c, parser_head(c->parser), next_request);
            break;
        case PARSE_BODY:
            exchange_body(c->exchange, body, body_len);
            break;
        case PARSE_DONE:
            exchange_request_done(c->exchange);
            break;
        case PARSE_ERROR:
            refuse(c);
            break;
        }
    }
    return len - left;
}

/* The bytes may be those of c->unparsed, which nothing else may use or free meanwhile: a
 * request that is answered at once (404, 405) makes next_request() be called from here.
 */
static size_t parse(struct client *c, const char *bytes, size_t len)
{
    size_t used;

    c->parsing = true;
    used = take_requests(c, bytes, len);
    c->parsing = false;
    return used;
}

static bool is_serving(const struct client *c)
{
    return c->state == CLIENT_AWAIT_HEAD || c->state == CLIENT_EXCHANGE;
}

static void update_reading(struct client *c)
{
    if (c->state == CLIENT_EXCHANGE)
        exchange_update_reading(c->exchange);
    else
        client_read_if(c, !client_is_far_ahead(c));
}

/* Nothing waits: frees the memory that an idle client does not need. */
static void rest(struct client *c)
{
    if (c->parser == NULL || !parser_is_idle(c->parser))
        return;
    parser_free(c->parser);
    c->parser = NULL;
    stream_idle(&c->stream);
}

void requests_data(struct client *c, const char *bytes, size_t len)
{
    size_t used = buffer_len(&c->unparsed) == 0 ? parse(c, bytes, len) : 0;

    if (!is_serving(c)) {
        buffer_destroy(&c->unparsed);
        return;
    }
    if (used < len)
        buffer_append(&c->unparsed, bytes + used, len - used);
    update_reading(c);
}

/* The number of requests that came at once is known only as they are parsed: they are
 * counted until the bytes that waited at the beginning are consumed. */
static void begin_batch(struct client *c)
{
    if (c->batch > 0)
        return;
    c->batch = buffer_len(&c->unparsed);
    c->ahead = 0;
}

static void use_up(struct client *c, size_t used)
{
    c->batch -= used < c->batch ? used : c->batch;
    buffer_consume(&c->unparsed, used);
}

/* ms that AWAIT_HEAD may last. */
static uint64_t idle_limit(const struct client *c)
{
    uint64_t idle = c->service->settings->idle_timeout;

    return c->clients->draining && idle > FIRST_REQUEST_GRACE ? FIRST_REQUEST_GRACE
                                                              : idle;
}

void requests_await(struct client *c)
{
    c->in_head = false;
    c->pending = SIZE_MAX;
    client_enter(c, CLIENT_AWAIT_HEAD, idle_limit(c));
}

/* Parses bytes that waited. */
static void resume(struct client *c)
{
    while (buffer_len(&c->unparsed) > 0 && wants_requests(c)) {
        begin_batch(c);
        use_up(c, parse(c, buffer_data(&c->unparsed), buffer_len(&c->unparsed)));
    }
    if (buffer_len(&c->unparsed) > 0)
        return;
    c->batch = c->ahead = 0;
    buffer_shrink(&c->unparsed, 0);
}

/* The reason for a client that leaves between two requests. */
static enum end_reason reason_between_requests(const struct client *c)
{
    return c->requests == 0 ? END_PROBE : END_DONE;
}

bool requests_may_make_room(const struct client *c)
{
    uint64_t left = c->deadline.due - loop_now(c->clients->loop);

    if (c->requests == 0 && left + FIRST_REQUEST_GRACE > idle_limit(c))
        return false;
    return buffer_len(&c->unparsed) == 0 && stream_undelivered(&c->stream) == 0 &&
        stream_is_quiet(&c->stream);
}

void requests_close_notify(struct client *c)
{
    if (buffer_len(&c->unparsed) > 0)
        return; /* they are answered first */
    if (c->parser != NULL && parser_end(c->parser) == PARSE_ERROR)
        refuse(c);
    else
        client_end(c, reason_between_requests(c));
}

/* Without close_notify the client may have died in the middle of a request. After one, it
 * is sent no further reply; those that have begun are delivered. */
void requests_fin(struct client *c, bool bare)
{
    if (bare) {
        requests_failed(c, END_CLIENT_GONE);
        return;
    }
    buffer_destroy(&c->unparsed);
    client_end(c, reason_between_requests(c));
}

void requests_failed(struct client *c, enum end_reason reason)
{
    bool gone = reason == END_CLIENT_GONE || reason == END_CLIENT_RESET;

    client_close(c, gone && !c->in_head ? reason_between_requests(c) : reason);
}

/* An exchange is complete. */
static void next_request(struct client *c)
{
    requests_await(c);
    if (c->parsing)
        rest(c); /* parse() goes on with the next one */
    else
        requests_drained(c);
}

void requests_drained(struct client *c)
{
    resume(c);
    if (c->state == CLIENT_AWAIT_HEAD && c->peer == CLIENT_SENT_FIN)
        requests_fin(c, false);
    else if (c->state == CLIENT_AWAIT_HEAD && c->peer == CLIENT_SAID_CLOSE)
        requests_close_notify(c);
    else if (c->state == CLIENT_AWAIT_HEAD)
        rest(c);
    if (is_serving(c))
        update_reading(c);
}

void requests_expired(struct client *c)
{
    size_t taken;

    if (c->in_head) {
        const struct error_status *reply = error_status_of(END_HEAD_TIMEOUT);

        client_refuse(c, END_HEAD_TIMEOUT, reply->status, reply->text, NULL,
            parser_says_head(c->parser));
    } else if (client_took_some(c, &taken) && c->pending > 0 &&
        !pace_is_too_slow(taken, idle_limit(c), c->service->settings->min_rate)) {
        client_arm(c, idle_limit(c)); /* still reading the last reply */
    } else if (c->pending > 0) {
        client_close(c, END_READ_TIMEOUT);
    } else {
        client_end(c, c->clients->draining ? END_DRAINED : END_IDLE_TIMEOUT);
    }
}

void requests_drain(struct client *c)
{
    if (c->state != CLIENT_AWAIT_HEAD || c->in_head || buffer_len(&c->unparsed) > 0)
        return;
    if (c->requests > 0)
        client_end(c, END_DRAINED);
    else
        client_arm(c, idle_limit(c)); /* it came to send one */
}
