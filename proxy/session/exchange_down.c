/* The backend's side of an exchange: judges its bytes and writes them anew for the
 * client. */
#include <string.h>
#include <time.h>

#include "proxy/http/authentication.h"
#include "proxy/http/forward.h"
#include "proxy/http/parser.h"
#include "proxy/session/admission.h"
#include "proxy/session/backend_health.h"
#include "proxy/session/balancer.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/exchange.h"

enum {
    FLIGHT_MAX = 16 * 1024, /* gathered before it is written: one TLS record */
    COPIED_MAX = 4 * 1024, /* begins the next record together with what follows */
};

static const struct service_settings *settings_of(const struct exchange *x)
{
    return x->client->service->settings;
}

void exchange_down_expect(struct exchange *x)
{
    struct parser_limits limits = {.max_head = settings_of(x)->max_head};

    if (x->replies != NULL && x->max_head != limits.max_head) {
        parser_free(x->replies);
        x->replies = NULL;
    }
    if (x->replies == NULL)
        x->replies = parser_new(PARSER_RESPONSE, &limits);
    x->max_head = limits.max_head;
    parser_expect_response(x->replies, x->facts.to_head, x->facts.upgrade);
}

bool exchange_client_may_stay(const struct exchange *x)
{
    const struct client *c = x->client;

    return x->facts.keep_alive && x->up == UP_DONE && !c->clients->draining &&
        (c->peer == CLIENT_TALKS || buffer_len(&c->unparsed) > 0) &&
        c->ahead < settings_of(x)->max_pipelined;
}

/* ---- to the client ---- */

static struct buffer *flight_of(struct exchange *x)
{
    return &x->client->clients->scratch;
}

static void write_to_client(struct exchange *x, const char *bytes, size_t len)
{
    if (x->first_byte == 0)
        x->first_byte = loop_now(x->client->clients->loop);
    x->down = DOWN_ANSWERING;
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

/* Small parts are sent together, large ones are not copied. */
static void add_to_flight(struct exchange *x, const char *bytes, size_t len)
{
    bool fits = buffer_len(flight_of(x)) + len <= FLIGHT_MAX;

    if (!fits)
        send_flight(x);
    if (fits || len <= COPIED_MAX)
        buffer_append(flight_of(x), bytes, len);
    else
        write_to_client(x, bytes, len);
}

/* ---- from the backend ---- */

/* Returns whether the reply itself tells its length: a body behind a 204 or 304 would be
 * read as the reply to the next request. */
static bool says_its_length(const struct head *head)
{
    return head->body == BODY_CHUNKED ||
        (head->has_length && head->status != 204 && head->status != 304);
}

static enum exchange_reuse reuse_after(const struct exchange *x, const struct head *head)
{
    if (!head->keep_alive || !says_its_length(head))
        return REUSE_NONE;
    if (x->reuse == REUSE_ANY && authentication_binds(head))
        return REUSE_BOUND;
    return x->reuse;
}

static void take_final_head(struct exchange *x, const struct head *head)
{
    struct client *c = x->client;
    struct forward_response how = {
        .client_keep_alive = exchange_client_may_stay(x),
        .client_minor = x->facts.minor,
        .to_head = x->facts.to_head,
        .upgrade = head->status == 101,
        .now = time(NULL),
    };

    x->to_client = forward_response(head, &how, flight_of(x), &x->closes);
    if (head->status == 401 && x->facts.authorized)
        source_login_failed(
            c->source, settings_of(x)->auth_failures, loop_now(c->clients->loop));
    x->status = head->status;
    x->reuse = reuse_after(x, head);
    x->down = DOWN_GATHERED;
}

/* An interim reply is swallowed, because XAPI takes a 1xx for the answer. */
static bool is_final(const struct head *head)
{
    return head->status == 101 || head->status >= 200;
}

/* Returns whether it is a 101, which has been sent: a tunnel follows. */
static bool take_head(struct exchange *x, const struct head *head)
{
    backend_has_replied(x->backend);
    if (is_final(head))
        take_final_head(x, head);
    if (head->status != 101)
        return false;
    send_flight(x);
    return true;
}

static bool take_body(struct exchange *x, const char *bytes, size_t len)
{
    char before[FRAMING_OVERHEAD], after[FRAMING_OVERHEAD];
    size_t before_len, after_len;

    if (!framing_part(&x->to_client, len, before, &before_len, after, &after_len))
        return false;
    x->sent += len;
    add_to_flight(x, before, before_len);
    add_to_flight(x, bytes, len);
    add_to_flight(x, after, after_len);
    return true;
}

static enum reply_result refuse(const char **detail, const char *why)
{
    *detail = why;
    return REPLY_REFUSED;
}

/* Bytes behind the end of a reply do not make the reply invalid, which is whole as
 * announced. They belong to nothing, so the connection serves no other request. */
static enum reply_result take_end(struct exchange *x, size_t surplus, const char **detail)
{
    const char *end = framing_end(&x->to_client);

    if (end == NULL)
        return refuse(detail, "fewer bytes than announced");
    if (surplus > 0) {
        client_log_surplus(x->client->clients, x->client->service,
            backend_address_text(x->address), surplus);
        x->reuse = REUSE_NONE;
    }
    add_to_flight(x, end, strlen(end));
    send_flight(x);
    return REPLY_WHOLE;
}

enum reply_result exchange_down_data(
    struct exchange *x, const char **bytes, size_t *len, const char **detail)
{
    const char *body;
    size_t body_len;

    if (x->down == DOWN_SILENT)
        x->down = DOWN_HEARD;
    for (;;) {
        switch (parser_next(x->replies, bytes, len, &body, &body_len)) {
        case PARSE_NEED_INPUT:
            send_flight(x);
            return REPLY_GOES_ON;
        case PARSE_HEAD:
            if (take_head(x, parser_head(x->replies)))
                return REPLY_UPGRADED;
            break;
        case PARSE_BODY:
            if (!take_body(x, body, body_len))
                return refuse(detail, "more bytes than announced");
            break;
        case PARSE_DONE:
            if (x->down < DOWN_GATHERED)
                break; /* of an interim reply */
            return take_end(x, *len, detail);
        case PARSE_ERROR:
            return refuse(detail, parser_error(x->replies));
        }
    }
}

enum reply_result exchange_down_fin(struct exchange *x, const char **detail)
{
    if (x->down < DOWN_GATHERED || parser_end(x->replies) != PARSE_DONE)
        return REPLY_GOES_ON;
    return take_end(x, 0, detail);
}
