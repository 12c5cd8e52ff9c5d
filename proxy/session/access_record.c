#include "proxy/session/access_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/endpoint.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/http/head.h"
#include "proxy/session/access_log.h"
#include "proxy/session/client.h"
#include "proxy/session/request_id.h"
#include "proxy/tls/tls.h"

enum {
    /* ms: longer than TCP delays an acknowledgement. One look asks the kernel once about
     * a client, for all of its records; the lines of all clients leave in one datagram.
     */
    LOOK_INTERVAL = 50,
    /* A receiver may have read so much and not yet acknowledged it: two segments (RFC
     * 1122, 4.2.3.2). If it resets then, it has not lost them. */
    UNACKNOWLEDGED_MAX = 2 * 1460,
};

struct access_record {
    struct client *client;
    struct list link; /* in client->access, once closed */
    struct timespec when;
    uint64_t began;
    uint64_t end; /* the client's bytes_out when the next record began; 0: not yet */
    struct access_outcome outcome;
    uint64_t ms; /* from the head to the last byte written */
    struct request_id id;
    char backend[ENDPOINT_TEXT_MAX]; /* a copy: its address may be replaced meanwhile */
    bool read;
    uint8_t minor;
    uint16_t method, target, host, agent; /* lengths in `text` */
    char text[];
};

static size_t at_most(struct span span, size_t max)
{
    return span.text == NULL ? 0 : span.len < max ? span.len : max;
}

/* Appends to record->text, which has room. */
static uint16_t keep(char **at, struct span span, size_t max)
{
    size_t len = at_most(span, max);

    if (len > 0)
        memcpy(*at, span.text, len);
    *at += len;
    return (uint16_t)len;
}

static struct access_record *make(size_t text)
{
    struct access_record *record = memory_new(sizeof(*record) + text);

    list_init(&record->link);
    clock_gettime(CLOCK_REALTIME, &record->when);
    return record;
}

static struct access_record *make_for(const struct head *head)
{
    struct span agent = head_find(head, "User-Agent");
    struct access_record *record = make(at_most(head->method, ACCESS_METHOD_MAX) +
        at_most(head->target, ACCESS_TARGET_MAX) + at_most(head->host, ACCESS_HOST_MAX) +
        at_most(agent, ACCESS_AGENT_MAX));
    char *at = record->text;

    record->method = keep(&at, head->method, ACCESS_METHOD_MAX);
    record->target = keep(&at, head->target, ACCESS_TARGET_MAX);
    record->host = keep(&at, head->host, ACCESS_HOST_MAX);
    record->agent = keep(&at, agent, ACCESS_AGENT_MAX);
    record->minor = (uint8_t)head->minor;
    record->read = true;
    return record;
}

static struct access_record *of_link(struct list *node)
{
    return container_of(node, struct access_record, link);
}

/* Bytes written since the newest closed record belong to it: our own replies are written
 * after the record was closed. */
static void seal_newest(struct client *c)
{
    if (list_empty(&c->access))
        return;
    struct access_record *newest = of_link(c->access.prev);
    if (newest->end == 0)
        newest->end = c->stream.bytes_out;
}

struct access_record *access_open(
    struct client *c, const struct head *head, const char *id)
{
    struct access_record *record;

    if (!access_log_enabled())
        return NULL;
    seal_newest(c);
    record = head != NULL ? make_for(head) : make(0);
    record->client = c;
    record->began = loop_now(c->clients->loop);
    memcpy(record->id.text, id, strnlen(id, REQUEST_ID_MAX));
    return record;
}

static void look_later(struct clients *clients)
{
    if (!deadline_is_armed(&clients->access_due))
        loop_arm(clients->loop, &clients->access_due, LOOK_INTERVAL);
}

void access_close(struct access_record *record, const struct access_outcome *outcome)
{
    struct client *c;

    if (record == NULL)
        return;
    c = record->client;
    record->outcome = *outcome;
    record->outcome.backend = NULL;
    if (outcome->backend != NULL)
        (void)snprintf(record->backend, sizeof(record->backend), "%s", outcome->backend);
    record->ms = loop_now(c->clients->loop) - record->began;
    if (list_empty(&c->access))
        list_append(&c->clients->access_waiting, &c->access_waiting);
    list_append(&c->access, &record->link);
    look_later(c->clients);
}

/* ---- its line ---- */

static int64_t between(uint64_t from, uint64_t to)
{
    return from == 0 || to < from ? ACCESS_NO_TIME : (int64_t)(to - from);
}

static struct span take(const char **at, size_t len)
{
    struct span span = {*at, len};

    *at += len;
    return span;
}

static struct span as_span(const char *text)
{
    return (struct span){text, strlen(text)};
}

static void fill_tls(struct access_entry *entry, struct client *c)
{
    const struct tls_info *tls = stream_tls_info(&c->stream);

    entry->tls = tls != NULL ? tls->version : "";
    entry->cipher = tls != NULL ? tls->cipher : "";
    entry->group = tls != NULL ? tls->group : "";
    entry->sni = as_span(tls != NULL ? tls->sni : "");
    entry->cert = as_span(tls != NULL ? tls->peer_subject : "");
}

/* Returns for how many requests its line stands; 0: it has none. Each worker logs the
 * first request that went well, and then each access_log_sample-th. */
static uint32_t sample_of(const struct access_record *record)
{
    const struct access_outcome *outcome = &record->outcome;
    struct clients *clients = record->client->clients;
    const uint32_t sample = record->client->generation->settings->access_log_sample;

    if (sample == 1 || outcome->reason != END_DONE || outcome->status < 100 ||
        outcome->status >= 400)
        return 1;
    if (clients->access_passed >= sample)
        clients->access_passed = 0;
    return clients->access_passed++ == 0 ? sample : 0;
}

static void write_line(struct access_record *record, uint32_t sample)
{
    const struct access_outcome *outcome = &record->outcome;
    struct client *c = record->client;
    char peer[CLIENT_PEER_MAX];
    const char *at = record->text;
    struct access_entry entry = {
        .when = record->when,
        .conn = c->id,
        .in = outcome->in,
        .out = outcome->out,
        .ms = record->ms,
        .first_byte_ms = outcome->first_byte == 0
            ? ACCESS_NO_TIME
            : between(record->began, outcome->first_byte),
        .backend_ms = between(outcome->asked, outcome->answered),
        .id = record->id.text,
        .peer = client_peer(c, peer),
        .service = c->service->settings->name,
        .backend = record->backend,
        .status = outcome->status,
        .reason = outcome->reason,
        .sample = sample,
        .read = record->read,
        .minor = record->minor,
    };
    static struct buffer line; /* one for all */

    buffer_clear(&line);
    fill_tls(&entry, c);
    entry.method = take(&at, record->method);
    entry.target = take(&at, record->target);
    entry.host = take(&at, record->host);
    entry.agent = take(&at, record->agent);
    access_format(&line, c->generation->settings->access_log_format, &entry);
    access_log_write(buffer_data(&line), buffer_len(&line));
}

static void finish(struct access_record *record)
{
    const uint32_t sample = sample_of(record);

    if (sample > 0)
        write_line(record, sample);
    else
        record->client->clients->counters.requests_not_logged++;
    list_remove(&record->link);
    free(record);
}

/* ---- when the line is written ---- */

/* Returns how many of the bytes written the client has not got, when its connection
 * ends. Our own end is no loss: a client that leaves first does not await it. */
static uint64_t lost_at_end(const struct client *c)
{
    int error = stream_error(&c->stream);
    uint64_t left = stream_undelivered(&c->stream), end = stream_end_len(&c->stream);

    if ((error == ECONNRESET || error == EPIPE) && left <= UNACKNOWLEDGED_MAX)
        return stream_unsent(&c->stream);
    return left > end ? left - end : 0;
}

/* `lost` are the last bytes of the connection. `end` counts plaintext and `lost` bytes of
 * TLS, so that a record may lose a few bytes too many. */
static void take_off(struct access_record *record, uint64_t lost, enum end_reason reason)
{
    uint64_t behind = record->client->stream.bytes_out - record->end;

    if (lost <= behind)
        return;
    lost -= behind;
    record->outcome.out -= lost < record->outcome.out ? lost : record->outcome.out;
    if (end_reason_fault(record->outcome.reason) == FAULT_NONE)
        record->outcome.reason = reason;
}

static bool tells_of_a_loss(enum end_reason reason)
{
    return end_reason_fault(reason) != FAULT_NONE || reason == END_DRAINED;
}

void access_settle(struct client *c, enum end_reason reason)
{
    struct list *node, *next;

    if (list_empty(&c->access))
        return;
    uint64_t lost = lost_at_end(c);
    if (!tells_of_a_loss(reason))
        reason =
            stream_error(&c->stream) == ECONNRESET ? END_CLIENT_RESET : END_CLIENT_GONE;
    seal_newest(c);
    for (node = c->access.next; node != &c->access; node = next) {
        struct access_record *record = of_link(node);

        next = node->next;
        take_off(record, lost, reason);
        finish(record);
    }
    list_remove(&c->access_waiting);
    look_later(c->clients);
}

/* The last `undelivered` bytes of the connection have not been acknowledged. They are
 * bytes of TLS, which are more than the plaintext within: a record may wait a little too
 * long. */
static bool is_delivered(const struct access_record *record, uint64_t undelivered)
{
    return undelivered == 0 ||
        (record->end != 0 &&
            undelivered <= record->client->stream.bytes_out - record->end);
}

/* Returns whether all records of the client have been written. */
static bool write_delivered(struct client *c)
{
    const uint64_t undelivered = stream_undelivered(&c->stream);
    struct list *node, *next;

    for (node = c->access.next; node != &c->access; node = next) {
        next = node->next;
        if (!is_delivered(of_link(node), undelivered))
            return false;
        finish(of_link(node));
    }
    return true;
}

void access_on_due(struct deadline *due)
{
    struct clients *clients = container_of(due, struct clients, access_due);
    struct list *node = clients->access_waiting.next, *next;

    for (; node != &clients->access_waiting; node = next) {
        next = node->next;
        if (write_delivered(container_of(node, struct client, access_waiting)))
            list_remove(node);
    }
    access_log_flush();
    if (!list_empty(&clients->access_waiting) || access_log_gathered() > 0)
        look_later(clients);
}
