#include "proxy/session/backend.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"
#include "proxy/session/backend_health.h"
#include "proxy/session/backend_stream.h"
#include "proxy/session/client.h"
#include "proxy/session/client_log.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"
#include "proxy/session/send_proxy_header.h"

static const struct stream_events stream_events;

static struct backend *backend_of(struct stream *s)
{
    return container_of(s, struct backend, stream);
}

static void on_deadline(struct deadline *deadline);

static struct backend *make(
    struct clients *clients, struct service *service, struct backend_address *address)
{
    struct list *spare = free_list_take(&clients->backends);
    struct backend *b = spare != NULL ? container_of(spare, struct backend, link)
                                      : memory_raw(sizeof(*b));

    memset(b, 0, sizeof(*b));
    b->clients = clients;
    b->service = service;
    b->address = address;
    backend_address_ref(address);
    list_init(&b->link);
    list_init(&b->unused);
    deadline_init(&b->deadline, on_deadline);
    clients->backend_count++;
    return b;
}

static bool is_active(enum backend_state state)
{
    return state == BACKEND_CONNECTING || state == BACKEND_IN_USE;
}

static void enter(struct backend *b, enum backend_state state)
{
    b->address->active += is_active(state);
    b->address->active -= is_active(b->state);
    b->state = state;
}

/* No event of it is told any more; closed() follows from the loop. If bytes are unsent,
 * the backend reads slowly: a reset keeps the kernel from offering it the rest. */
static void discard(struct backend *b)
{
    if (b->state == BACKEND_IDLE)
        idle_connections_remove(&b->service->idle, &b->link);
    else
        list_remove(&b->link);
    list_remove(&b->unused);
    deadline_disarm(&b->deadline);
    if (b->trial)
        balancer_trial_ended(b->address, loop_now(b->clients->loop));
    if (b->state == BACKEND_PROBING)
        generation_unref(b->service->generation);
    if (b->slot != NULL)
        *b->slot = NULL;
    b->slot = NULL;
    b->service = NULL;
    enter(b, BACKEND_CLOSING);
    if (stream_unsent(&b->stream) > 0)
        stream_reset(&b->stream);
    else
        stream_leave(&b->stream);
}

void backend_attach(struct backend *b, const struct backend_events *events, void *user,
    struct backend **slot)
{
    b->events = events;
    b->user = user;
    b->slot = slot;
    *slot = b;
}

/* ---- getting one ---- */

static void begin_connecting(struct backend *b)
{
    b->clients->counters.backend_connects++;
    b->began = loop_now(b->clients->loop);
    backend_stream_connect(&b->stream, b->clients->loop, &stream_events, b->service,
        b->address->connect, &b->address->endpoint);
    loop_arm(b->clients->loop, &b->deadline, b->service->settings->connect_timeout);
}

void backend_connect(struct client *client, struct backend_address *address, bool trial,
    const struct backend_events *events, void *user, struct backend **slot)
{
    struct backend *b = make(client->clients, client->service, address);

    b->trial = trial;
    enter(b, BACKEND_CONNECTING);
    list_append(&b->clients->connecting, &b->link);
    backend_attach(b, events, user, slot);
    begin_connecting(b);
    proxy_header_send(&b->stream, client);
}

void backend_probe(
    struct clients *clients, struct service *service, struct backend_address *address)
{
    struct backend *b = make(clients, service, address);

    enter(b, BACKEND_PROBING);
    generation_ref(service->generation);
    list_append(&clients->unused, &b->unused);
    begin_connecting(b);
}

static struct backend *find_idle(
    const struct service *service, const struct backend_address *address)
{
    const struct list *all = &service->idle.list;

    for (struct list *link = all->prev; link != all; link = link->prev) {
        struct backend *b = container_of(link, struct backend, link);

        if (b->address == address)
            return b;
    }
    return NULL;
}

static struct backend *take_idle(
    struct service *service, const struct backend_address *address)
{
    struct backend *b;

    while ((b = find_idle(service, address)) != NULL) {
        if (!stream_is_quiet(&b->stream)) {
            discard(b);
            continue;
        }
        idle_connections_remove(&service->idle, &b->link);
        list_remove(&b->unused);
        deadline_disarm(&b->deadline);
        return b;
    }
    return NULL;
}

static void use_again(struct backend *b, const struct backend_events *events, void *user,
    struct backend **slot)
{
    enter(b, BACKEND_IN_USE);
    b->reused = true;
    b->awaits_reply = b->replied = false;
    b->clients->counters.backend_reuses++;
    backend_attach(b, events, user, slot);
}

bool backend_take_idle(struct service *service, const struct backend_address *address,
    const struct backend_events *events, void *user, struct backend **slot)
{
    struct backend *b = take_idle(service, address);

    if (b == NULL)
        return false;
    use_again(b, events, user, slot);
    return true;
}

bool backend_take_bound(struct backend **bound, const struct backend_events *events,
    void *user, struct backend **slot)
{
    struct backend *b = *bound;

    if (b != NULL &&
        (!stream_is_quiet(&b->stream) || !condition_is_open(b->address->condition)))
        discard(b);
    if (*bound == NULL)
        return false;
    *bound = NULL;
    use_again(b, events, user, slot);
    return true;
}

/* ---- what the stream tells ---- */

static bool is_idle(const struct backend *b)
{
    return b->state == BACKEND_IDLE || b->state == BACKEND_BOUND;
}

/* A probe has no user. */
static void connect_failed(struct backend *b, enum end_reason reason, const char *detail)
{
    const struct backend_events *events = b->events;
    void *user = b->user;

    b->clients->counters.backend_failures += b->state == BACKEND_CONNECTING;
    backend_failed(b, FAULT_NOT_CONNECTED, detail);
    discard(b);
    if (events != NULL)
        events->failed(user, reason, detail);
}

static void on_deadline(struct deadline *deadline)
{
    struct backend *b = container_of(deadline, struct backend, deadline);
    bool in_handshake = stream_is_in_handshake(&b->stream);
    const char *detail = in_handshake ? "TLS: no handshake within connect_timeout"
                                      : "no answer within connect_timeout";

    b->clients->counters.backend_handshakes_failed += in_handshake;
    if (is_idle(b))
        discard(b);
    else
        connect_failed(b, END_BACKEND_TIMEOUT, detail);
}

static void on_opened(struct stream *s)
{
    struct backend *b = backend_of(s);

    deadline_disarm(&b->deadline);
    latency_add(&b->clients->counters.latency.backend_connect,
        loop_now(b->clients->loop) - b->began);
    b->clients->counters.backend_handshakes += stream_has_tls(s);
    backend_has_connected(b);
    if (b->state == BACKEND_PROBING) {
        discard(b);
        return;
    }
    list_remove(&b->link);
    enter(b, BACKEND_IN_USE);
    b->events->ready(b->user);
}

/* An idle backend has nothing to say: a reply to nothing. */
static void on_data(struct stream *s, const char *bytes, size_t len)
{
    struct backend *b = backend_of(s);

    if (is_idle(b)) {
        client_log_surplus(b->clients, b->service, b->address->endpoint.text, len);
        discard(b);
        return;
    }
    b->events->data(b->user, bytes, len);
}

static void on_drained(struct stream *s)
{
    struct backend *b = backend_of(s);

    if (b->state == BACKEND_IN_USE)
        b->events->drained(b->user);
}

/* It could not be connected, or it is lost. */
static void lose(struct backend *b, const char *detail)
{
    const struct backend_events *events = b->events;
    void *user = b->user;

    switch (b->state) {
    case BACKEND_CONNECTING:
    case BACKEND_PROBING:
        connect_failed(b, END_BACKEND_REFUSED, detail);
        break;
    case BACKEND_IN_USE:
        b->clients->counters.backend_failures++;
        backend_has_ended(b);
        discard(b);
        events->failed(user, END_BACKEND_GONE, detail);
        break;
    case BACKEND_IDLE:
    case BACKEND_BOUND:
        discard(b);
        break;
    case BACKEND_NEW:
    case BACKEND_CLOSING:
        break;
    }
}

static void lose_in_handshake(struct backend *b, const char *detail)
{
    b->clients->counters.backend_handshakes_failed++;
    connect_failed(b, END_BACKEND_TLS, detail);
}

static void end_in_order(struct backend *b)
{
    b->ended = true;
    if (is_idle(b)) {
        discard(b);
        return;
    }
    backend_has_ended(b);
    b->events->ended(b->user);
}

static void on_close_notify(struct stream *s)
{
    struct backend *b = backend_of(s);

    if (stream_is_in_handshake(s))
        lose_in_handshake(b, "TLS: the backend ended the handshake");
    else
        end_in_order(b);
}

/* Of TLS only close_notify is an end: without one, somebody may have cut the reply. */
static void on_fin(struct stream *s)
{
    struct backend *b = backend_of(s);

    if (!stream_has_tls(s))
        end_in_order(b);
    else if (stream_is_in_handshake(s))
        lose_in_handshake(b, "TLS: the backend closed the connection in the handshake");
    else if (!b->ended)
        lose(b, "TLS: the backend closed the connection without close_notify");
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    struct backend *b = backend_of(s);
    bool connecting = b->state == BACKEND_CONNECTING || b->state == BACKEND_PROBING;

    if (connecting && stream_has_tls(s) && reason != END_BACKEND_REFUSED)
        lose_in_handshake(b, detail);
    else
        lose(b, detail);
}

static void on_closed(struct stream *s)
{
    struct backend *b = backend_of(s);
    struct clients *clients = b->clients;

    backend_address_unref(b->address);
    clients->backend_count--;
    if (!free_list_keep(&clients->backends, &b->link))
        free(b);
    clients->on_end(clients);
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .drained = on_drained,
    .close_notify = on_close_notify,
    .fin = on_fin,
    .failed = on_failed,
    .closed = on_closed,
};

bool backend_is_ready(const struct backend *b)
{
    return b->state == BACKEND_IN_USE;
}

bool backend_write(struct backend *b, const char *bytes, size_t len)
{
    return stream_write(&b->stream, bytes, len);
}

void backend_end(struct backend *b)
{
    stream_end(&b->stream);
}

/* ---- giving it back ---- */

static bool may_serve_again(const struct backend *b)
{
    return b->state == BACKEND_IN_USE && !b->ended && !b->clients->draining &&
        stream_unsent(&b->stream) == 0;
}

static void rest(struct backend *b)
{
    *b->slot = NULL;
    b->slot = NULL;
    stream_resume(&b->stream);
    stream_idle(&b->stream);
}

void backend_release(struct backend **slot)
{
    struct backend *b = *slot;
    struct idle_connections *idle = &b->service->idle;

    if (!may_serve_again(b) || idle->retired ||
        idle->count >= b->service->settings->backend_keepalive) {
        discard(b);
        return;
    }
    rest(b);
    enter(b, BACKEND_IDLE);
    idle_connections_put(idle, &b->link);
    list_append(&b->clients->unused, &b->unused);
    loop_arm(b->clients->loop, &b->deadline, b->service->settings->backend_idle_timeout);
}

void backend_bind(struct backend **slot, struct backend **bound)
{
    struct backend *b = *slot;

    if (!may_serve_again(b)) {
        discard(b);
        return;
    }
    rest(b);
    enter(b, BACKEND_BOUND);
    b->slot = bound;
    *bound = b;
}

void backend_abort(struct backend **slot)
{
    if (*slot != NULL)
        discard(*slot);
}

void backend_reset(struct backend **slot)
{
    if (*slot == NULL)
        return;
    stream_reset(&(*slot)->stream);
    discard(*slot);
}

void backend_hand_over(struct backend **slot)
{
    (*slot)->slot = NULL;
    *slot = NULL;
}

void backend_retire(struct service *service)
{
    service->idle.retired = true;
    while (service->idle.count > 0)
        discard(container_of(service->idle.list.next, struct backend, link));
}

void backend_close_unused(struct clients *clients)
{
    while (!list_empty(&clients->unused))
        discard(container_of(clients->unused.next, struct backend, unused));
}

void backend_free_unused(struct list *link)
{
    free(container_of(link, struct backend, link));
}
