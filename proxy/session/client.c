#include "proxy/session/client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http/parser.h"
#include "proxy/http/reply.h"
#include "proxy/net/tls.h"
#include "proxy/session/admission.h"
#include "proxy/session/client_state.h"
#include "proxy/session/exchange.h"
#include "proxy/session/own_reply.h"
#include "proxy/session/report.h"
#include "proxy/session/requests.h"
#include "proxy/session/tunnel.h"

static const struct service_settings *settings_of(const struct client *c)
{
    return c->service->settings;
}

/* ---- states and deadlines ---- */

void client_arm(struct client *c, uint64_t deadline_ms)
{
    loop_arm(c->front->loop, &c->deadline, deadline_ms);
}

void client_enter(struct client *c, enum client_state next, uint64_t deadline_ms)
{
    report_state(c, (enum client_state)c->state, next);
    c->state = (uint8_t)next;
    client_arm(c, deadline_ms);
}

void client_watch(struct client *c)
{
    c->pending = stream_undelivered(&c->stream);
}

bool client_took_some(struct client *c, size_t *taken)
{
    size_t before = c->pending;

    c->pending = stream_undelivered(&c->stream);
    *taken = before > c->pending ? before - c->pending : 0;
    return *taken > 0;
}

void client_write(struct client *c, const char *bytes, size_t len)
{
    c->front->counters.bytes_to_clients += len;
    if (!stream_write(&c->stream, bytes, len))
        c->full = true;
}

void client_update_reading(struct client *c)
{
    if ((c->state == CLIENT_EXCHANGE && c->exchange->backend_full) ||
        (c->state == CLIENT_TUNNEL && tunnel_blocks_client(c->tunnel)) ||
        (c->state <= CLIENT_EXCHANGE && requests_too_far_ahead(c)))
        stream_pause(&c->stream);
    else
        stream_resume(&c->stream);
}

const char *client_ip(const struct client *c, char *text)
{
    bool four = IN6_IS_ADDR_V4MAPPED(&c->address);

    inet_ntop(four ? AF_INET : AF_INET6,
        four ? &c->address.s6_addr[12] : &c->address.s6_addr[0], text, INET6_ADDRSTRLEN);
    return text;
}

/* ---- how it ends ---- */

static void leave_handshake(struct client *c)
{
    if (list_empty(&c->handshaking))
        return;
    list_remove(&c->handshaking);
    c->front->counters.handshakes_in_progress--;
}

/* After a mere close the kernel would go on offering megabytes to one who never reads, for
 * minutes, and he would not even learn that it is over. */
static bool is_given_up(struct client *c)
{
    return (c->reason == END_READ_TIMEOUT || c->reason == END_TOO_SLOW ||
               c->reason == END_DRAINED) &&
        stream_undelivered(&c->stream) > 0;
}

void client_close(struct client *c, enum end_reason reason)
{
    if (c->state == CLIENT_CLOSED)
        return;
    if (c->state != CLIENT_LINGER)
        c->ended_in = c->state;
    c->reason = (uint8_t)reason;
    leave_handshake(c);
    c->front->counters.ends[reason]++;
    if (c->ended_in == CLIENT_HANDSHAKE)
        report_handshake(c);
    else
        report_end(c);
    report_state(c, (enum client_state)c->state, CLIENT_CLOSED);
    c->state = CLIENT_CLOSED;
    deadline_disarm(&c->deadline);
    if (is_given_up(c))
        stream_reset(&c->stream);
    else
        stream_close(&c->stream);
}

static void close_if_delivered(struct client *c)
{
    if (c->peer_ended && stream_unsent(&c->stream) == 0)
        client_close(c, (enum end_reason)c->reason);
}

/* The last answer is written. Reads and discards until the peer ends too, or its unread
 * data would make the kernel reset what we just sent. */
static void linger(struct client *c, enum end_reason reason)
{
    c->reason = (uint8_t)reason;
    c->ended_in = c->state;
    c->stalled = 0;
    client_enter(c, CLIENT_LINGER, settings_of(c)->linger_timeout);
    c->pending = SIZE_MAX;
    stream_resume(&c->stream);
    close_if_delivered(c);
}

void client_end(struct client *c, enum end_reason reason)
{
    stream_end(&c->stream);
    linger(c, reason);
}

void client_cut(struct client *c, enum end_reason reason)
{
    stream_cut(&c->stream);
    linger(c, reason);
}

void client_refuse(struct client *c, enum end_reason reason, unsigned status,
    const char *text, bool to_head)
{
    struct buffer *reply = &c->front->scratch;

    if (c->state == CLIENT_AWAIT_HEAD)
        report_refused_head(c, reason, status);
    buffer_clear(reply);
    reply_write(reply, status, text, to_head);
    client_write(c, buffer_data(reply), buffer_len(reply));
    buffer_clear(reply);
    c->front->counters.responses_own++;
    client_end(c, reason);
}

static void discard(struct client *c, size_t len)
{
    c->discarded += (uint32_t)len;
    if (c->discarded > CLIENT_LINGER_MAX)
        client_close(c, (enum end_reason)c->reason);
}

/* A peer that has it all gets no more time; one that still reads does, as long as it goes
 * on reading. */
static void linger_expired(struct client *c)
{
    const struct service_settings *settings = settings_of(c);
    size_t taken;
    bool took_some = client_took_some(c, &taken);

    if (c->pending > 0 && (took_some || c->stalled < settings->body_timeout)) {
        c->stalled = took_some ? 0 : c->stalled + (uint32_t)settings->linger_timeout;
        client_arm(c, settings->linger_timeout);
    } else if (c->reason == END_DONE) {
        client_close(c, c->pending > 0 ? END_READ_TIMEOUT : END_LINGER_TIMEOUT);
    } else {
        client_close(c, (enum end_reason)c->reason);
    }
}

/* ---- between requests ---- */

static void await_expired(struct client *c)
{
    size_t taken;

    if (c->in_head) {
        const struct own_reply *reply = own_reply_for(END_HEAD_TIMEOUT);

        client_refuse(c, END_HEAD_TIMEOUT, reply->status, reply->text, false);
    } else if (client_took_some(c, &taken) && c->pending > 0) {
        client_arm(c, settings_of(c)->idle_timeout); /* still reading the last reply */
    } else if (c->pending > 0) {
        client_close(c, END_READ_TIMEOUT);
    } else {
        client_end(c, c->front->draining ? END_DRAINED : END_IDLE_TIMEOUT);
    }
}

static enum end_reason reason_between_requests(const struct client *c)
{
    return c->requests == 0 ? END_PROBE : END_DONE;
}

static uint64_t idle_time(const struct client *c)
{
    uint64_t idle = settings_of(c)->idle_timeout;

    return c->front->draining && idle > CLIENT_DRAIN_GRACE ? CLIENT_DRAIN_GRACE : idle;
}

static void await_head(struct client *c)
{
    c->in_head = false;
    c->pending = SIZE_MAX;
    client_enter(c, CLIENT_AWAIT_HEAD, idle_time(c));
}

static void peer_ended_between_requests(struct client *c)
{
    if (c->parser != NULL && parser_end(c->parser) == PARSE_ERROR)
        requests_refuse(c);
    else
        client_end(c, reason_between_requests(c));
}

void client_exchange_done(struct client *c, bool keep_alive)
{
    if (!keep_alive) {
        buffer_destroy(&c->unparsed);
        client_end(c, END_DONE);
        return;
    }
    await_head(c);
    requests_resume(c);
    if (c->state == CLIENT_AWAIT_HEAD && c->peer_ended)
        peer_ended_between_requests(c);
    else if (c->state == CLIENT_AWAIT_HEAD)
        requests_rest(c);
    if (c->state <= CLIENT_EXCHANGE)
        client_update_reading(c);
}

void client_drain(struct client *c)
{
    if (c->state != CLIENT_AWAIT_HEAD || c->in_head)
        return;
    if (c->requests > 0)
        client_end(c, END_DRAINED);
    else
        client_arm(c, idle_time(c)); /* it came for one: let it */
}

/* ---- the handshake ---- */

static bool hello_was_seen(struct client *c)
{
    const struct tls_facts *tls = stream_tls_facts(&c->stream);

    return tls != NULL && tls->offered[0] != '\0';
}

static void answer_plain_http(struct client *c)
{
    const struct own_reply *reply = own_reply_for(END_PLAIN_HTTP);

    leave_handshake(c);
    client_refuse(c, END_PLAIN_HTTP, reply->status, reply->text, false);
}

static void handshake_failed(struct client *c, enum end_reason reason, const char *detail)
{
    bool hello = hello_was_seen(c);

    if ((reason == END_CLIENT_GONE || reason == END_CLIENT_RESET) && !hello) {
        client_close(c, END_PROBE); /* a port scan, a health check */
        return;
    }
    c->front->counters.handshakes_failed++;
    c->detail = detail;
    if (hello)
        source_count_full_handshake(c->source, loop_now(c->front->loop));
    if (reason == END_PLAIN_HTTP)
        answer_plain_http(c);
    else
        client_close(c, reason);
    c->detail = NULL;
}

static void note_handshake(struct client *c, const struct tls_facts *tls)
{
    if (tls == NULL)
        return;
    if (tls->resumed) {
        c->front->counters.handshakes_resumed++;
    } else {
        c->front->counters.handshakes_full++;
        source_count_full_handshake(c->source, loop_now(c->front->loop));
    }
    if (tls->service != NULL)
        c->service = tls->service;
}

/* One that has not even said hello costs nobody anything. */
bool client_is_sheddable(struct client *c, uint64_t patience)
{
    return !hello_was_seen(c) || loop_now(c->front->loop) - c->accepted >= patience;
}

void client_shed(struct client *c)
{
    c->front->counters.handshakes_shed++;
    handshake_failed(c, END_HANDSHAKE_SHED, "made room for others");
}

/* ---- what the stream tells ---- */

static struct client *client_of(struct stream *s)
{
    return container_of(s, struct client, stream);
}

static void on_opened(struct stream *s)
{
    struct client *c = client_of(s);

    leave_handshake(c);
    note_handshake(c, stream_tls_facts(s));
    if (settings_of(c)->protocol == PROTOCOL_TCP)
        tunnel_begin(c);
    else
        await_head(c);
    front_on_gone(c->front);
}

static void on_data(struct stream *s, const char *bytes, size_t len)
{
    struct client *c = client_of(s);

    c->front->counters.bytes_from_clients += len;
    if (c->state == CLIENT_TUNNEL)
        tunnel_client_data(c->tunnel, bytes, len);
    else if (c->state == CLIENT_LINGER)
        discard(c, len);
    else
        requests_data(c, bytes, len);
}

static void on_drained(struct stream *s)
{
    struct client *c = client_of(s);

    c->full = false;
    if (c->state == CLIENT_EXCHANGE)
        exchange_client_drained(c->exchange);
    else if (c->state == CLIENT_TUNNEL)
        tunnel_client_drained(c->tunnel);
    else if (c->state == CLIENT_LINGER)
        close_if_delivered(c);
}

static void on_ended(struct stream *s)
{
    struct client *c = client_of(s);

    c->peer_ended = true;
    if (c->state == CLIENT_AWAIT_HEAD)
        peer_ended_between_requests(c);
    else if (c->state == CLIENT_EXCHANGE)
        exchange_client_ended(c->exchange);
    else if (c->state == CLIENT_TUNNEL)
        tunnel_client_ended(c->tunnel);
    else if (c->state == CLIENT_LINGER)
        close_if_delivered(c);
    else
        client_close(c, END_PROBE);
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    struct client *c = client_of(s);
    bool gone = reason == END_CLIENT_GONE || reason == END_CLIENT_RESET;

    if (c->state == CLIENT_HANDSHAKE)
        handshake_failed(c, reason, detail);
    else if (c->state == CLIENT_AWAIT_HEAD)
        client_close(c, gone && !c->in_head ? reason_between_requests(c) : reason);
    else if (c->state == CLIENT_EXCHANGE)
        exchange_client_gone(c->exchange, reason);
    else if (c->state == CLIENT_TUNNEL)
        tunnel_client_gone(c->tunnel, reason);
    else
        client_close(c,
            c->reason == END_DONE && stream_unsent(s) > 0 ? reason
                                                          : (enum end_reason)c->reason);
}

static void on_closed(struct stream *s)
{
    struct client *c = client_of(s);
    struct front *front = c->front;

    list_remove(&c->link);
    front->counters.clients--;
    c->generation->clients--;
    source_leave(c->source);
    parser_free(c->parser);
    buffer_destroy(&c->unparsed);
    generation_unref(c->generation);
    free(c);
    front_on_gone(front);
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .drained = on_drained,
    .ended = on_ended,
    .failed = on_failed,
    .closed = on_closed,
};

static void on_deadline(struct deadline *deadline)
{
    struct client *c = container_of(deadline, struct client, deadline);

    if (c->state == CLIENT_HANDSHAKE)
        handshake_failed(c, END_HANDSHAKE_TIMEOUT, "not done within handshake_timeout");
    else if (c->state == CLIENT_AWAIT_HEAD)
        await_expired(c);
    else if (c->state == CLIENT_EXCHANGE)
        exchange_expired(c->exchange);
    else if (c->state == CLIENT_TUNNEL)
        tunnel_expired(c->tunnel);
    else if (c->state == CLIENT_LINGER)
        linger_expired(c);
}

/* ---- the beginning ---- */

static void remember_peer(struct client *c, const struct sockaddr_storage *peer)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    const struct sockaddr_in *four = (const struct sockaddr_in *)peer;

    if (peer->ss_family == AF_INET6) {
        c->address = six->sin6_addr;
        c->port = ntohs(six->sin6_port);
    } else if (peer->ss_family == AF_INET) {
        c->address.s6_addr[10] = c->address.s6_addr[11] = 0xff;
        memcpy(&c->address.s6_addr[12], &four->sin_addr, sizeof(four->sin_addr));
        c->port = ntohs(four->sin_port);
    }
}

struct client *client_new(struct front *front, struct service *service,
    const struct sockaddr_storage *peer, struct source *source)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->front = front;
    c->service = service;
    c->generation = generation_ref(service->generation);
    c->generation->clients++;
    c->source = source;
    c->id = ++front->last_id;
    c->accepted = loop_now(front->loop);
    remember_peer(c, peer);
    deadline_init(&c->deadline, on_deadline);
    list_init(&c->link);
    list_init(&c->handshaking);
    list_append(&front->clients, &c->link);
    list_append(&front->handshaking, &c->handshaking);
    front->counters.clients++;
    front->counters.handshakes_in_progress++;
    return c;
}

void client_start(struct client *c, int fd)
{
    stream_accept(&c->stream, c->front->loop, &stream_events, fd, c->service->tls);
    client_arm(c, settings_of(c)->handshake_timeout);
}

void client_adopt(struct client *c, struct service *service)
{
    struct generation *old = c->generation;

    if (!stream_restart_tls(&c->stream, service->tls))
        return;
    c->service = service;
    c->generation = generation_ref(service->generation);
    c->generation->clients++;
    old->clients--;
    generation_unref(old);
}

void client_end_now(struct client *c)
{
    if (c->state == CLIENT_EXCHANGE)
        exchange_client_gone(c->exchange, END_DRAINED);
    else if (c->state == CLIENT_TUNNEL)
        tunnel_client_gone(c->tunnel, END_DRAINED);
    else
        client_close(c, END_DRAINED);
}
