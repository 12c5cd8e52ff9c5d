#include "proxy/session/health_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/health.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/http/parser.h"
#include "proxy/net/proxy_header.h"
#include "proxy/net/stream.h"
#include "proxy/session/backend_stream.h"
#include "proxy/session/balancer.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"

enum {
    REQUEST_MAX = 2048,
    FAULT_MAX = 96,
    BODY_ENOUGH = 64 * 1024, /* bytes: more of a body proves no more */
    QUOTED_MAX = 320,
    FIRST_WITHIN = 1000, /* ms: a new worker soon knows which backends are healthy */
    STEPS = 8, /* a time is spread over so many lengths, because each length has a queue
                * of deadlines */
};

enum check_state {
    CHECK_WAITING, /* for the next check to begin */
    CHECK_CONNECTING,
    CHECK_AWAITING_REPLY,
    CHECK_READING_BODY, /* of a reply with a good status */
    CHECK_CLOSING, /* its connection is closing */
};

struct check {
    struct list link; /* in clients->checks */
    struct clients *clients;
    struct service *service; /* NULL: its backend is no longer checked */
    struct backend_address *address; /* one reference */
    struct endpoint endpoint; /* a copy, for the stream */
    enum check_state state;
    struct stream stream; /* unless it is WAITING */
    struct parser *replies; /* NULL unless it awaits or reads a reply */
    uint64_t received;
    struct deadline deadline; /* health_interval, health_timeout */
};

static const struct stream_events stream_events;

static struct check *check_of(struct stream *s)
{
    return container_of(s, struct check, stream);
}

static struct health health_of(const struct service_settings *settings)
{
    struct health health;
    struct error ignored; /* it was parsed with the settings */

    (void)health_parse(settings->health, &health, &ignored);
    return health;
}

/* One of STEPS + 1 lengths from `least` to `least + span`. */
static uint64_t spread(uint64_t least, uint64_t span)
{
    uint8_t byte = 0;

    if (getrandom(&byte, sizeof(byte), GRND_NONBLOCK) != sizeof(byte))
        byte = 0;
    return least + span * (byte % (STEPS + 1)) / STEPS;
}

static void plan_first(struct check *check)
{
    uint64_t interval = check->service->settings->health_interval;

    loop_arm(check->clients->loop, &check->deadline,
        spread(1, interval < FIRST_WITHIN ? interval : FIRST_WITHIN));
}

static void plan_next(struct check *check)
{
    uint64_t interval = check->service->settings->health_interval;

    loop_arm(check->clients->loop, &check->deadline,
        spread(interval - interval / 8, interval / 4));
}

/* ---- its life ---- */

static void destroy(struct check *check)
{
    list_remove(&check->link);
    deadline_disarm(&check->deadline);
    backend_address_unref(check->address);
    free(check);
}

static void close_connection(struct check *check)
{
    deadline_disarm(&check->deadline);
    parser_free(check->replies);
    check->replies = NULL;
    check->state = CHECK_CLOSING;
    stream_leave(&check->stream);
}

static void end(struct check *check)
{
    check->service = NULL;
    if (check->state == CHECK_WAITING)
        destroy(check);
    else if (check->state != CHECK_CLOSING)
        close_connection(check);
}

static void on_closed(struct stream *s)
{
    struct check *check = check_of(s);
    struct clients *clients = check->clients;

    clients->backend_count--;
    check->state = CHECK_WAITING;
    if (check->service == NULL)
        destroy(check);
    else
        plan_next(check);
    clients->on_end(clients);
}

/* A check is a connection of our own: its header says LOCAL, or UNKNOWN. */
static void send_proxy_header(struct check *check)
{
    enum proxy_protocol_choice choice = check->service->settings->send_proxy;
    const struct proxy_header_facts nobody = {.client = NULL};
    unsigned char header[PROXY_HEADER_MAX];
    size_t len;

    if (choice == PROXY_PROTOCOL_OFF)
        return;
    len = proxy_header_write(header, (enum proxy_version)choice, &nobody);
    stream_write_clear(&check->stream, (const char *)header, len);
}

static void begin(struct check *check)
{
    check->state = CHECK_CONNECTING;
    check->received = 0;
    check->clients->backend_count++;
    check->clients->counters.health_checks++;
    backend_stream_connect(&check->stream, check->clients->loop, &stream_events,
        check->service, check->address->connect, &check->endpoint);
    send_proxy_header(check);
    loop_arm(
        check->clients->loop, &check->deadline, check->service->settings->health_timeout);
}

/* ---- its verdict ---- */

static void log_verdict(const struct check *check, const char *fault)
{
    const struct service_settings *settings = check->service->settings;
    char said[QUOTED_MAX];

    if (fault != NULL)
        log_warning("event=backend_check_failing service=%s backend=%s detail=%s",
            settings->name, check->endpoint.text,
            log_quote(said, sizeof(said), fault, strlen(fault)));
    else
        log_info("event=backend_check_passing service=%s backend=%s", settings->name,
            check->endpoint.text);
}

/* `fault`: NULL if it passed. Then earlier faults of connections no longer count. */
static void judge(struct check *check, const char *fault)
{
    const struct service_settings *settings = check->service->settings;
    const struct check_rules rules = {settings->health_rise, settings->health_fall};
    uint64_t now = loop_now(check->clients->loop);

    check->clients->counters.health_failures += fault != NULL;
    if (condition_take_check(check->address->condition, fault, rules, now)) {
        if (fault == NULL)
            (void)balancer_replied(check->address, now);
        log_verdict(check, fault);
    }
    close_connection(check);
}

/* ---- a request ---- */

static const char *host_of(const struct check *check)
{
    const char *name = check->service->settings->host_name;

    if (*name != '\0')
        return name;
    return check->endpoint.address.ss_family == AF_UNIX ? "localhost"
                                                        : check->endpoint.text;
}

static void ask(struct check *check, const struct health *health)
{
    const struct parser_limits limits = {.max_head = check->service->settings->max_head};
    char request[REQUEST_MAX];
    int len = snprintf(request, sizeof(request),
        "%.*s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: wlbproxy-health\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n",
        health->method_len, health->method, health->target, host_of(check));

    (void)stream_write(&check->stream, request, (size_t)len);
    check->replies = parser_new(PARSER_RESPONSE, &limits);
    parser_expect_response(check->replies, *health->method == 'H', false);
    check->state = CHECK_AWAITING_REPLY;
}

static void on_opened(struct stream *s)
{
    struct check *check = check_of(s);
    struct health health = health_of(check->service->settings);

    if (health.kind == HEALTH_CONNECT)
        judge(check, NULL);
    else
        ask(check, &health);
}

/* Interim replies (1xx) come before the final one. False: the check is over. */
static bool take_head(struct check *check, unsigned status)
{
    char fault[FAULT_MAX];

    if (status < 200)
        return true;
    check->state = CHECK_READING_BODY;
    if (health_statuses_have(check->service->settings->health_status, status))
        return true;
    snprintf(fault, sizeof(fault), "status %u", status);
    judge(check, fault);
    return false;
}

static bool is_flood(const struct check *check, size_t len)
{
    return check->state == CHECK_AWAITING_REPLY &&
        check->received - len > check->service->settings->max_head;
}

static void on_data(struct stream *s, const char *bytes, size_t len)
{
    struct check *check = check_of(s);
    enum parse_result result;
    const char *body;
    size_t body_len;

    check->received += len;
    if (is_flood(check, len)) {
        judge(check, "interim replies without an end");
        return;
    }
    do {
        result = parser_next(check->replies, &bytes, &len, &body, &body_len);
        if (result == PARSE_HEAD &&
            !take_head(check, parser_head(check->replies)->status))
            return;
        if (result == PARSE_DONE && check->state == CHECK_READING_BODY) {
            judge(check, NULL);
            return;
        }
    } while (result != PARSE_NEED_INPUT && result != PARSE_ERROR);
    if (result == PARSE_ERROR)
        judge(check, parser_error(check->replies));
    else if (check->state == CHECK_READING_BODY && check->received > BODY_ENOUGH)
        judge(check, NULL);
}

/* Of TLS, close_notify comes first. */
static void on_end(struct stream *s)
{
    struct check *check = check_of(s);

    if (check->state == CHECK_CONNECTING)
        judge(check, "closed in the TLS handshake");
    else if (check->state == CHECK_READING_BODY)
        judge(check,
            parser_end(check->replies) == PARSE_DONE
                ? NULL
                : "closed within the body of its reply");
    else
        judge(check,
            check->received == 0 ? "closed without a reply"
                                 : "closed within the head of its reply");
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    struct check *check = check_of(s);

    (void)reason;
    judge(check, detail);
}

static void on_drained(struct stream *s)
{
    (void)s; /* it does not read, and health_timeout ends it */
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .drained = on_drained,
    .close_notify = on_end,
    .fin = on_end,
    .failed = on_failed,
    .closed = on_closed,
};

static const char *late(enum check_state state)
{
    return state == CHECK_CONNECTING    ? "no connection within health_timeout"
        : state == CHECK_AWAITING_REPLY ? "no reply within health_timeout"
                                        : "no end of the reply within health_timeout";
}

static void on_deadline(struct deadline *deadline)
{
    struct check *check = container_of(deadline, struct check, deadline);

    if (check->state == CHECK_WAITING)
        begin(check);
    else
        judge(check, late(check->state));
}

/* ---- the backends to check ---- */

/* Where lines of the configuration have moved, the endpoint alone tells. */
static struct backend_address *find_address(
    const struct service *service, const struct backend_address *like)
{
    struct backend_address *found = NULL;

    for (size_t i = 0; i < balancer_count(service->balancer); i++) {
        struct backend_address *address = balancer_at(service->balancer, i);

        if (!endpoint_equal(&address->endpoint, &like->endpoint))
            continue;
        if (address->connect == like->connect)
            return address;
        found = address;
    }
    return found;
}

static bool same_checks(
    const struct service_settings *a, const struct service_settings *b)
{
    return strcmp(a->health, b->health) == 0 &&
        strcmp(a->health_status, b->health_status) == 0 &&
        strcmp(a->host_name, b->host_name) == 0 &&
        a->health_interval == b->health_interval &&
        a->health_timeout == b->health_timeout && a->send_proxy == b->send_proxy;
}

/* A backend that is no longer checked must not stay FAILING for its present users. */
static void follow(struct check *check, const struct generation *generation)
{
    struct service *service =
        generation_service(generation, check->service->settings->name);
    struct backend_address *address =
        service != NULL ? find_address(service, check->address) : NULL;

    if (address == NULL) {
        condition_uncheck(check->address->condition, loop_now(check->clients->loop));
        end(check);
    } else if (!same_checks(check->service->settings, service->settings)) {
        end(check);
    } else {
        check->service = service;
        backend_address_keep(&check->address, address);
    }
}

static bool is_checked(const struct clients *clients, const struct service *service,
    const struct backend_address *address)
{
    for (const struct list *node = clients->checks.next; node != &clients->checks;
         node = node->next) {
        const struct check *check = container_of(node, struct check, link);

        if (check->service == service && check->address == address)
            return true;
    }
    return false;
}

static void add(
    struct clients *clients, struct service *service, struct backend_address *address)
{
    struct check *check = memory_new(sizeof(*check));

    check->clients = clients;
    check->service = service;
    check->address = address;
    backend_address_ref(address);
    check->endpoint = address->endpoint;
    check->state = CHECK_WAITING;
    deadline_init(&check->deadline, on_deadline);
    list_init(&check->link);
    list_append(&clients->checks, &check->link);
    plan_first(check);
}

static void check_service(struct clients *clients, struct service *service)
{
    bool is_off = health_of(service->settings).kind == HEALTH_OFF;

    for (size_t i = 0; i < balancer_count(service->balancer); i++) {
        struct backend_address *address = balancer_at(service->balancer, i);

        if (is_off)
            condition_uncheck(address->condition, loop_now(clients->loop));
        else if (!is_checked(clients, service, address))
            add(clients, service, address);
    }
}

void health_checks_follow(struct clients *clients, struct generation *generation)
{
    if (clients->draining)
        return;
    for (struct list *node = clients->checks.next, *next; node != &clients->checks;
         node = next) {
        struct check *check = container_of(node, struct check, link);

        next = node->next;
        if (check->service != NULL)
            follow(check, generation);
    }
    for (size_t i = 0; i < generation->settings->service_count; i++)
        check_service(clients, &generation->services[i]);
}

void health_checks_end(struct clients *clients)
{
    for (struct list *node = clients->checks.next, *next; node != &clients->checks;
         node = next) {
        struct check *check = container_of(node, struct check, link);

        next = node->next;
        if (check->service != NULL)
            end(check);
    }
}
