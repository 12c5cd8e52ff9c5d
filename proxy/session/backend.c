#include "proxy/session/backend.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/session/backend_stream.h"
#include "proxy/session/client_log.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"
#include "proxy/session/send_proxy_header.h"

enum { QUOTED_MAX = 320 };

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

static void begin_connecting(struct backend *b)
{
    b->clients->counters.backend_connects++;
    b->began = loop_now(b->clients->loop);
    backend_stream_connect(&b->stream, b->clients->loop, &stream_events, b->service,
        b->address->connect, &b->address->endpoint);
    if (b->want != NULL)
        proxy_header_send(&b->stream, b->want->client);
    loop_arm(b->clients->loop, &b->deadline, b->service->settings->connect_timeout);
}

void backend_attach(struct backend *b, const struct backend_events *events, void *user,
    struct backend **slot)
{
    b->events = events;
    b->user = user;
    b->slot = slot;
    *slot = b;
}

/* ---- health ---- */

static void log_health(const struct backend *b, const char *detail)
{
    const char *name = b->service->settings->name, *text = b->address->endpoint.text;
    char said[QUOTED_MAX];

    if (balancer_count(b->service->balancer) < 2)
        return;
    if (detail == NULL)
        log_info("event=backend_marked_up service=%s backend=%s", name, text);
    else
        log_warning("event=backend_marked_down service=%s backend=%s retry_ms=%llu "
                    "detail=%s",
            name, text, (unsigned long long)b->service->settings->backend_retry_after,
            log_quote(said, sizeof(said), detail, strlen(detail)));
}

static void mark_down(struct backend *b, enum backend_fault fault, const char *detail)
{
    b->trial = false;
    if (balancer_failed(b->address, fault, detail,
            b->service->settings->backend_retry_after, loop_now(b->clients->loop)))
        log_health(b, detail);
}

static void probe(
    struct clients *clients, struct service *service, struct backend_address *address)
{
    struct backend *b = make(clients, service, address);

    enter(b, BACKEND_PROBING);
    generation_ref(service->generation);
    list_append(&clients->unused, &b->unused);
    begin_connecting(b);
}

static void probe_those_due(struct clients *clients, struct service *service)
{
    struct backend_address *address;

    while ((address = balancer_next_probe(service->balancer, loop_now(clients->loop))) !=
        NULL)
        probe(clients, service, address);
}

void backend_await_reply(struct backend *b, bool awaited)
{
    b->awaits_reply = awaited;
}

void backend_has_replied(struct backend *b)
{
    if (!b->replied && balancer_replied(b->address, loop_now(b->clients->loop)))
        log_health(b, NULL);
    b->replied = true;
    b->trial = false;
}

void backend_is_silent(struct backend *b)
{
    if (b->awaits_reply && !b->replied)
        mark_down(b, FAULT_NO_REPLY, "no reply within response_timeout");
}

/* A connection that was idle may have been closed for its age, or have something to say
 * behind its last reply. */
void backend_is_nonsense(struct backend *b)
{
    if (!b->replied && !b->reused)
        mark_down(b, FAULT_NO_REPLY, "what it says is no reply");
}

static void judge_end(struct backend *b)
{
    if (b->awaits_reply && !b->replied && !b->reused)
        mark_down(b, FAULT_NO_REPLY, "closed without a reply");
}

/* ---- getting one ---- */

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

static void connect_for(struct backend *b, const struct backend_events *events,
    void *user, struct backend **slot)
{
    enter(b, BACKEND_CONNECTING);
    list_append(&b->clients->connecting, &b->link);
    backend_attach(b, events, user, slot);
    begin_connecting(b);
}

bool backend_acquire(struct clients *clients, struct service *service,
    const struct backend_want *want, const struct backend_events *events, void *user,
    struct backend **slot)
{
    struct balancer *balancer = service->balancer;
    bool all_down = balancer_all_down(balancer), trial;
    struct backend_address *address;
    struct backend *b;

    probe_those_due(clients, service);
    address = balancer_choose(
        balancer, want->tried, want->source, loop_now(clients->loop), &trial);
    if (address == NULL)
        return false;
    b = want->fresh || trial ? NULL : take_idle(service, address);
    if (b != NULL) {
        use_again(b, events, user, slot);
        return true;
    }
    b = make(clients, service, address);
    b->want = want;
    b->trial = trial;
    b->all_down = all_down;
    connect_for(b, events, user, slot);
    return true;
}

/* The next backend for the request of a connection that could not be made. False: it was
 * at all of them. */
static bool try_next(struct backend *b)
{
    const struct backend_events *events = b->events;
    void *user = b->user;
    struct backend **slot = b->slot, *next;
    bool trial;
    struct backend_address *address = balancer_choose(b->service->balancer,
        b->want->tried, b->want->source, loop_now(b->clients->loop), &trial);

    if (address == NULL)
        return false;
    next = make(b->clients, b->service, address);
    next->want = b->want;
    next->trial = trial;
    next->all_down = b->all_down;
    next->timed_out = b->timed_out;
    next->tls_failed = b->tls_failed;
    discard(b);
    connect_for(next, events, user, slot);
    return true;
}

/* All who still wait for a backend that has just been marked down are at another one
 * sooner than their own connect_timeout would bring them there. */
static void move_on_from(struct clients *clients, struct service *service,
    const struct backend_address *address)
{
    struct list *link = clients->connecting.next, *last = clients->connecting.prev;
    bool more = link != &clients->connecting;

    while (more) {
        struct backend *b = container_of(link, struct backend, link);

        more = link != last;
        link = link->next;
        if (b->address == address && b->service == service &&
            balancer_has_choice(service->balancer, b->want->tried))
            (void)try_next(b);
    }
}

/* This backend could not be connected: the next one, or bad news. */
static void refused(struct backend *b, const char *detail)
{
    struct clients *clients = b->clients;
    struct service *service = b->service;
    struct backend_address *address = b->address;
    const struct backend_events *events = b->events;
    void *user = b->user;
    enum end_reason reason;

    clients->counters.backend_failures++;
    mark_down(b, FAULT_NOT_CONNECTED, detail);
    if (try_next(b)) {
        move_on_from(clients, service, address);
        return;
    }
    reason = b->timed_out                                      ? END_BACKEND_TIMEOUT
        : b->all_down && balancer_count(service->balancer) > 1 ? END_BACKEND_NONE
        : b->tls_failed                                        ? END_BACKEND_TLS
                                                               : END_BACKEND_REFUSED;
    discard(b);
    events->failed(user, reason, detail);
}

static void probe_failed(struct backend *b, const char *detail)
{
    mark_down(b, FAULT_NOT_CONNECTED, detail);
    discard(b);
}

/* ---- what the stream tells ---- */

static bool is_idle(const struct backend *b)
{
    return b->state == BACKEND_IDLE || b->state == BACKEND_BOUND;
}

static void on_deadline(struct deadline *deadline)
{
    struct backend *b = container_of(deadline, struct backend, deadline);
    bool in_handshake = stream_is_in_handshake(&b->stream);
    const char *detail = in_handshake ? "TLS: no handshake within connect_timeout"
                                      : "no answer within connect_timeout";

    b->clients->counters.backend_handshakes_failed += in_handshake;
    if (is_idle(b)) {
        discard(b);
    } else if (b->state == BACKEND_PROBING) {
        probe_failed(b, detail);
    } else {
        b->timed_out = true;
        refused(b, detail);
    }
}

static void on_opened(struct stream *s)
{
    struct backend *b = backend_of(s);

    deadline_disarm(&b->deadline);
    latency_add(&b->clients->counters.latency.backend_connect,
        loop_now(b->clients->loop) - b->began);
    b->clients->counters.backend_handshakes += stream_has_tls(s);
    if (balancer_connected(b->address, loop_now(b->clients->loop)))
        log_health(b, NULL);
    if (b->state == BACKEND_PROBING) {
        discard(b);
        return;
    }
    list_remove(&b->link);
    b->want = NULL;
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
        refused(b, detail);
        break;
    case BACKEND_PROBING:
        probe_failed(b, detail);
        break;
    case BACKEND_IN_USE:
        b->clients->counters.backend_failures++;
        judge_end(b);
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
    b->tls_failed = true;
    lose(b, detail);
}

static void end_in_order(struct backend *b)
{
    b->ended = true;
    if (is_idle(b)) {
        discard(b);
        return;
    }
    judge_end(b);
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
    clients->gone(clients);
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

struct backend_address *backend_only(const struct service *service)
{
    return balancer_count(service->balancer) == 1 ? balancer_at(service->balancer, 0)
                                                  : NULL;
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
