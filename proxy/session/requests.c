#include "proxy/session/requests.h"

#include "proxy/http/parser.h"
#include "proxy/session/client_state.h"
#include "proxy/session/exchange.h"

/* Below it reading goes on, if only to notice a client that goes away. */
enum { UNPARSED_MAX = 32 * 1024 };

static bool wants_requests(const struct client *c)
{
    return c->state == CLIENT_AWAIT_HEAD ||
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

void requests_refuse(struct client *c)
{
    unsigned status = parser_error_status(c->parser);
    const char *text = parser_error(c->parser);

    if (c->state == CLIENT_EXCHANGE)
        exchange_refuse(c->exchange, reason_of(status), status, text);
    else
        client_refuse(c, reason_of(status), status, text, false);
}

/* The head's deadline runs from its first byte and is not extended. */
static void watch_head(struct client *c)
{
    if (c->state != CLIENT_AWAIT_HEAD || c->in_head || parser_is_idle(c->parser))
        return;
    c->in_head = true;
    client_arm(c, c->service->settings->head_timeout);
}

/* Returns how many bytes were used up. */
static size_t parse(struct client *c, const char *bytes, size_t len)
{
    const char *at = bytes, *body;
    size_t left = len, body_len;

    while (wants_requests(c)) {
        switch (parser_next(parser_of(c), &at, &left, &body, &body_len)) {
        case PARSE_NEED_INPUT:
            watch_head(c);
            return len;
        case PARSE_HEAD:
            exchange_begin(c, parser_head(c->parser));
            break;
        case PARSE_BODY:
            exchange_body(c->exchange, body, body_len);
            break;
        case PARSE_DONE:
            exchange_request_done(c->exchange);
            break;
        case PARSE_ERROR:
            requests_refuse(c);
            break;
        }
    }
    return len - left;
}

static bool is_serving(const struct client *c)
{
    return c->state == CLIENT_AWAIT_HEAD || c->state == CLIENT_EXCHANGE;
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
    client_update_reading(c);
}

/* How many requests were there at once is only known as they are parsed: they are counted
 * through the bytes that waited when the count began. */
static void count_ahead(struct client *c)
{
    if (c->batch == 0) {
        c->batch = buffer_len(&c->unparsed);
        c->ahead = 0;
    }
    c->ahead++;
}

static void use_up(struct client *c, size_t used)
{
    c->batch -= used < c->batch ? used : c->batch;
    buffer_consume(&c->unparsed, used);
}

void requests_resume(struct client *c)
{
    while (buffer_len(&c->unparsed) > 0 && wants_requests(c)) {
        count_ahead(c);
        use_up(c, parse(c, buffer_data(&c->unparsed), buffer_len(&c->unparsed)));
    }
    if (buffer_len(&c->unparsed) > 0)
        return;
    c->batch = c->ahead = 0;
    buffer_shrink(&c->unparsed, 0);
}

void requests_rest(struct client *c)
{
    if (c->parser == NULL || !parser_is_idle(c->parser))
        return;
    parser_free(c->parser);
    c->parser = NULL;
    stream_idle(&c->stream);
}

bool requests_too_far_ahead(const struct client *c)
{
    return buffer_len(&c->unparsed) >= UNPARSED_MAX;
}
