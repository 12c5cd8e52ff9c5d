#include "proxy/session/client_events.h"

#include <stdlib.h>
#include <string.h>

#include "config/network.h"
#include "proxy/base/memory.h"
#include "proxy/http/parser.h"
#include "proxy/session/accept_phase.h"
#include "proxy/session/admission.h"
#include "proxy/session/await_head.h"
#include "proxy/session/client.h"
#include "proxy/session/ending.h"
#include "proxy/session/exchange.h"
#include "proxy/session/tunnel.h"

/* The functions of one state for the events of the stream and the deadline. */
struct reactions {
    void (*data)(struct client *c, const char *bytes, size_t len);
    void (*drained)(struct client *c);
    void (*close_notify)(struct client *c);
    void (*fin)(struct client *c, bool bare); /* bare: without close_notify */
    void (*end_known)(struct client *c);
    void (*failed)(struct client *c, enum end_reason reason, const char *detail);
    void (*expired)(struct client *c);
};

static const struct reactions *reactions_of(const struct client *c);

static const char NO_CLOSE_NOTIFY[] = "closed without close_notify";

static const struct service_settings *settings_of(const struct client *c)
{
    return c->service->settings;
}

/* ---- events of the stream ---- */

static struct client *client_of(struct stream *s)
{
    return container_of(s, struct client, stream);
}

static void on_opened(struct stream *s)
{
    struct client *c = client_of(s);

    handshake_done(c);
    if (c->state == CLIENT_CLOSED)
        return;
    if (settings_of(c)->protocol == PROTOCOL_TCP)
        tunnel_begin(c);
    else
        requests_await(c);
    c->clients->on_end(c->clients); /* of a handshake */
}

static void on_data(struct stream *s, const char *bytes, size_t len)
{
    struct client *c = client_of(s);

    c->clients->counters.bytes_from_clients += len;
    reactions_of(c)->data(c, bytes, len);
}

static void on_drained(struct stream *s)
{
    struct client *c = client_of(s);

    c->full = false;
    reactions_of(c)->drained(c);
}

static void on_close_notify(struct stream *s)
{
    struct client *c = client_of(s);

    c->peer = CLIENT_SAID_CLOSE;
    reactions_of(c)->close_notify(c);
}

static void on_fin(struct stream *s)
{
    struct client *c = client_of(s);
    bool bare = c->peer == CLIENT_TALKS;

    c->peer = CLIENT_SENT_FIN;
    reactions_of(c)->fin(c, bare);
}

static void on_end_known(struct stream *s)
{
    struct client *c = client_of(s);

    reactions_of(c)->end_known(c);
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    struct client *c = client_of(s);

    reactions_of(c)->failed(c, reason, detail);
}

static void on_closed(struct stream *s)
{
    struct client *c = client_of(s);
    struct clients *clients = c->clients;

    list_remove(&c->link);
    clients->counters.connections--;
    clients->counters.states[c->state]--;
    clients->leaving -= c->makes_room;
    c->generation->clients--;
    source_leave(c->source);
    parser_free(c->parser);
    buffer_destroy(&c->unparsed);
    generation_unref(c->generation);
    free(c);
    clients->on_end(clients);
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .drained = on_drained,
    .close_notify = on_close_notify,
    .fin = on_fin,
    .end_known = on_end_known,
    .failed = on_failed,
    .closed = on_closed,
};

static void on_deadline(struct deadline *deadline)
{
    struct client *c = container_of(deadline, struct client, deadline);

    reactions_of(c)->expired(c);
}

/* ---- HANDSHAKE ---- */

static void ignore(struct client *c)
{
    (void)c;
}

static void handshake_close_notify(struct client *c)
{
    client_close(c, END_PROBE);
}

static void handshake_fin(struct client *c, bool bare)
{
    (void)bare;
    handshake_failed(c, END_CLIENT_GONE, "closed during the handshake");
}

static void handshake_expired(struct client *c)
{
    handshake_failed(c, END_HANDSHAKE_TIMEOUT, "not done within handshake_timeout");
}

/* ---- AWAIT_HEAD ---- */

/* Replies are on their way that it still has to read. */
static void await_head_end_known(struct client *c)
{
    if (stream_error(&c->stream) != 0)
        requests_failed(c, END_CLIENT_RESET);
    else if (stream_fin_is_bare(&c->stream))
        requests_failed(c, END_CLIENT_GONE);
}

static void await_head_fin(struct client *c, bool bare)
{
    c->detail = bare ? NO_CLOSE_NOTIFY : c->detail;
    requests_fin(c, bare);
}

static void await_head_failed(
    struct client *c, enum end_reason reason, const char *detail)
{
    c->detail = detail;
    requests_failed(c, reason);
}

/* ---- EXCHANGE ---- */

static void exchange_drained(struct client *c)
{
    exchange_client_drained(c->exchange);
}

static void exchange_close_notify(struct client *c)
{
    exchange_client_ended(c->exchange);
}

static void exchange_failed(struct client *c, enum end_reason reason, const char *detail)
{
    c->detail = detail;
    exchange_client_gone(c->exchange, reason);
}

/* A client that sends a FIN before its reply has begun will not read it, even after a
 * close_notify: the backend's work would be in vain. In the middle of a reply it may have
 * shut down only its own half. */
static void exchange_fin(struct client *c, bool bare)
{
    if (bare)
        exchange_failed(c, END_CLIENT_GONE, NO_CLOSE_NOTIFY);
    else if (c->exchange->down != DOWN_ANSWERING)
        exchange_failed(c, END_CLIENT_GONE, "closed before its reply had begun");
}

static void exchange_end_known(struct client *c)
{
    if (stream_error(&c->stream) != 0)
        exchange_failed(c, END_CLIENT_RESET, strerror(stream_error(&c->stream)));
    else
        exchange_fin(c, stream_fin_is_bare(&c->stream));
}

static void exchange_deadline(struct client *c)
{
    exchange_expired(c->exchange);
}

/* ---- TUNNEL ---- */

static void tunnel_data(struct client *c, const char *bytes, size_t len)
{
    tunnel_client_data(c->tunnel, bytes, len);
}

static void tunnel_drained(struct client *c)
{
    tunnel_client_drained(c->tunnel);
}

static void tunnel_close_notify(struct client *c)
{
    tunnel_client_ended(c->tunnel);
}

static void tunnel_fin(struct client *c, bool bare)
{
    if (bare)
        tunnel_client_cut(c->tunnel, NO_CLOSE_NOTIFY);
}

static void tunnel_end_known(struct client *c)
{
    tunnel_client_end_known(c->tunnel);
}

static void tunnel_failed(struct client *c, enum end_reason reason, const char *detail)
{
    c->detail = detail;
    tunnel_client_lost(c->tunnel, reason);
}

static void tunnel_deadline(struct client *c)
{
    tunnel_expired(c->tunnel);
}

/* ---- LINGER ---- */

static void linger_data(struct client *c, const char *bytes, size_t len)
{
    (void)bytes;
    ending_data(c, len);
}

static void linger_fin(struct client *c, bool bare)
{
    (void)bare;
    ending_drained(c);
}

static void linger_failed(struct client *c, enum end_reason reason, const char *detail)
{
    (void)detail;
    ending_failed(c, reason);
}

static const struct reactions *reactions_of(const struct client *c)
{
    static const struct reactions reactions[] = {
        [CLIENT_HANDSHAKE] = {requests_data, ignore, handshake_close_notify,
            handshake_fin, ignore, handshake_failed, handshake_expired},
        [CLIENT_AWAIT_HEAD] = {requests_data, requests_drained, requests_close_notify,
            await_head_fin, await_head_end_known, await_head_failed, requests_expired},
        [CLIENT_EXCHANGE] = {requests_data, exchange_drained, exchange_close_notify,
            exchange_fin, exchange_end_known, exchange_failed, exchange_deadline},
        [CLIENT_TUNNEL] = {tunnel_data, tunnel_drained, tunnel_close_notify, tunnel_fin,
            tunnel_end_known, tunnel_failed, tunnel_deadline},
        [CLIENT_LINGER] = {linger_data, ending_drained, ending_drained, linger_fin,
            ignore, linger_failed, ending_expired},
        [CLIENT_CLOSED] = {.data = NULL}, /* only closed() comes */
    };

    return &reactions[c->state];
}

/* ---- the beginning ---- */

static uint16_t port_of(const struct sockaddr_storage *peer)
{
    switch (peer->ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)peer)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)peer)->sin6_port);
    default:
        return 0;
    }
}

static struct client *make(struct clients *clients, struct service *service,
    const struct sockaddr_storage *peer, struct source *source)
{
    struct client *c = memory_new(sizeof(*c));

    c->clients = clients;
    c->service = c->accepted_by = service;
    c->generation = generation_ref(service->generation);
    c->generation->clients++;
    c->source = source;
    c->id = ++clients->last_id;
    c->accepted = loop_now(clients->loop);
    c->address = network_address(peer);
    c->port = port_of(peer);
    deadline_init(&c->deadline, on_deadline);
    list_init(&c->link);
    list_init(&c->handshaking);
    list_init(&c->access);
    list_init(&c->access_waiting);
    list_init(&c->idle);
    list_append(&clients->clients, &c->link);
    list_append(&clients->handshaking, &c->handshaking);
    clients->counters.connections++;
    clients->counters.states[CLIENT_HANDSHAKE]++;
    clients->counters.handshakes_in_progress++;
    return c;
}

void client_begin(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer, struct source *source)
{
    struct client *c = make(clients, service, peer, source);

    stream_accept(&c->stream, clients->loop, &stream_events, fd, service->tls);
    stream_set_priority(&c->stream, source_priority(source, c->accepted));
    client_arm(c, settings_of(c)->handshake_timeout);
}

void client_adopt(struct client *c, struct service *service)
{
    struct generation *old = c->generation;

    if (!stream_restart_tls(&c->stream, service->tls))
        return;
    c->service = c->accepted_by = service;
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
