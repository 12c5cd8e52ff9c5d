#include "proxy/session/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/log.h"
#include "proxy/session/client_log.h"
#include "proxy/session/clients.h"
#include "proxy/session/generation.h"
#include "proxy/session/pool.h"

static const struct stream_events stream_events;

static struct backend *backend_of(struct stream *s)
{
    return container_of(s, struct backend, stream);
}

static void on_deadline(struct deadline *deadline);

static struct backend *make(struct clients *clients, struct service *service)
{
    struct list *spare = free_list_take(&clients->backends);
    struct backend *b =
        spare != NULL ? container_of(spare, struct backend, idle) : malloc(sizeof(*b));

    if (b == NULL)
        abort();
    memset(b, 0, sizeof(*b));
    b->clients = clients;
    b->service = service;
    list_init(&b->idle);
    list_init(&b->everywhere);
    deadline_init(&b->deadline, on_deadline);
    clients->backend_count++;
    return b;
}

/* Nobody hears of it again; closed() follows from the loop. What could not be sent it was
 * slow to read: the kernel is not to go on offering it the rest. */
static void discard(struct backend *b)
{
    deadline_disarm(&b->deadline);
    list_remove(&b->everywhere);
    if (b->slot != NULL)
        *b->slot = NULL;
    b->slot = NULL;
    b->service = NULL;
    if (stream_unsent(&b->stream) > 0)
        stream_reset(&b->stream);
    else
        stream_close(&b->stream);
}

static void begin_connecting(struct backend *b)
{
    const struct endpoint *endpoint = &b->service->backends[b->index];

    b->tried |= (uint64_t)1 << b->index;
    b->clients->counters.backend_connects++;
    stream_connect(&b->stream, b->clients->loop, &stream_events,
        (const struct sockaddr *)&endpoint->address, endpoint->len);
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

static struct backend *take_idle(struct service *service)
{
    struct list *idle;

    while ((idle = pool_take(service->pool)) != NULL) {
        struct backend *b = container_of(idle, struct backend, idle);

        list_remove(&b->everywhere);
        deadline_disarm(&b->deadline);
        if (stream_is_quiet(&b->stream))
            return b;
        discard(b);
    }
    return NULL;
}

bool backend_acquire(struct clients *clients, struct service *service, bool fresh,
    const struct backend_events *events, void *user, struct backend **slot)
{
    struct backend *b = fresh ? NULL : take_idle(service);
    uint64_t now = loop_now(clients->loop);

    if (b != NULL) {
        b->reused = true;
        b->received = 0;
        clients->counters.backend_reuses++;
        backend_attach(b, events, user, slot);
        return true;
    }
    if (service->backend_count == 0)
        return false;
    b = make(clients, service);
    b->all_bad = pool_all_bad(service->pool, service->backend_count, now);
    b->index = pool_choose(service->pool, service->backend_count, 0, now);
    backend_attach(b, events, user, slot);
    begin_connecting(b);
    return true;
}

static const char *text_of(const struct service *service, int index)
{
    return service->backends[index].text;
}

/* This backend could not be connected: the next one, or bad news. */
static void refused(struct backend *b, const char *detail)
{
    struct clients *clients = b->clients;
    struct service *service = b->service;
    uint64_t now = loop_now(clients->loop);
    const struct backend_events *events = b->events;
    void *user = b->user;
    struct backend **slot = b->slot;
    int index;

    clients->counters.backend_failures++;
    if (!pool_is_bad(service->pool, b->index, now) && service->backend_count > 1)
        log_warning(
            "event=backend_passed_over service=%s backend=%s ms=%llu detail=\"%s\"",
            service->settings->name, text_of(service, b->index),
            (unsigned long long)service->settings->backend_retry_after, detail);
    pool_refused(service->pool, b->index, service->settings->backend_retry_after, now);
    index = pool_choose(service->pool, service->backend_count, b->tried, now);
    if (index == POOL_NONE) {
        enum end_reason reason = b->timed_out          ? END_BACKEND_TIMEOUT
            : b->all_bad && service->backend_count > 1 ? END_BACKEND_NONE
                                                       : END_BACKEND_REFUSED;

        discard(b);
        events->failed(user, reason, detail);
        return;
    }
    struct backend *next = make(clients, service);

    next->index = index;
    next->tried = b->tried;
    next->all_bad = b->all_bad;
    next->timed_out = b->timed_out;
    discard(b);
    backend_attach(next, events, user, slot);
    begin_connecting(next);
}

static bool is_idle(const struct backend *b)
{
    return b->slot == NULL;
}

static void close_idle(struct backend *b)
{
    pool_forget(b->service->pool, &b->idle);
    discard(b);
}

static void on_deadline(struct deadline *deadline)
{
    struct backend *b = container_of(deadline, struct backend, deadline);

    if (b->connected) {
        close_idle(b);
        return;
    }
    b->timed_out = true;
    refused(b, "no answer within connect_timeout");
}

static void on_opened(struct stream *s)
{
    struct backend *b = backend_of(s);

    deadline_disarm(&b->deadline);
    b->connected = true;
    pool_answered(b->service->pool, b->index);
    b->events->ready(b->user);
}

/* An idle backend has nothing to say: a reply to nothing. */
static void on_data(struct stream *s, const char *bytes, size_t len)
{
    struct backend *b = backend_of(s);

    if (is_idle(b)) {
        client_log_surplus(b->clients, b->service, text_of(b->service, b->index), len);
        close_idle(b);
        return;
    }
    b->received += len;
    b->events->data(b->user, bytes, len);
}

static void on_drained(struct stream *s)
{
    struct backend *b = backend_of(s);

    if (!is_idle(b))
        b->events->drained(b->user);
}

static void on_ended(struct stream *s)
{
    struct backend *b = backend_of(s);

    b->ended = true;
    if (is_idle(b))
        close_idle(b);
    else
        b->events->ended(b->user);
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    struct backend *b = backend_of(s);
    const struct backend_events *events = b->events;
    void *user = b->user;

    (void)reason; /* the stream's point of view: its peer is a client */
    if (is_idle(b)) {
        close_idle(b);
        return;
    }
    if (!b->connected) {
        refused(b, detail);
        return;
    }
    b->clients->counters.backend_failures++;
    discard(b);
    events->failed(user, END_BACKEND_GONE, detail);
}

static void on_closed(struct stream *s)
{
    struct backend *b = backend_of(s);
    struct clients *clients = b->clients;

    clients->backend_count--;
    if (!free_list_keep(&clients->backends, &b->idle))
        free(b);
    clients_on_gone(clients);
}

static const struct stream_events stream_events = {
    .opened = on_opened,
    .data = on_data,
    .drained = on_drained,
    .fin = on_ended,
    .failed = on_failed,
    .closed = on_closed,
};

bool backend_is_ready(const struct backend *b)
{
    return b->connected;
}

bool backend_write(struct backend *b, const char *bytes, size_t len)
{
    return stream_write(&b->stream, bytes, len);
}

void backend_end(struct backend *b)
{
    stream_end(&b->stream);
}

const char *backend_address(const struct backend *b)
{
    return text_of(b->service, b->index);
}

const char *backend_only(const struct service *service)
{
    return service->backend_count == 1 ? text_of(service, 0) : NULL;
}

static bool may_be_kept(const struct backend *b)
{
    const struct backend_pool *pool = b->service->pool;

    return b->connected && !b->ended && !b->clients->draining && !pool_is_retired(pool) &&
        stream_unsent(&b->stream) == 0 &&
        pool_idle(pool) < b->service->settings->backend_keepalive;
}

void backend_release(struct backend **slot)
{
    struct backend *b = *slot;

    if (!may_be_kept(b)) {
        discard(b);
        return;
    }
    *slot = NULL;
    b->slot = NULL;
    pool_put(b->service->pool, &b->idle);
    list_append(&b->clients->idle, &b->everywhere);
    stream_resume(&b->stream);
    stream_idle(&b->stream);
    loop_arm(b->clients->loop, &b->deadline, b->service->settings->backend_idle_timeout);
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

void backend_close_idle(struct list *idle)
{
    close_idle(container_of(idle, struct backend, idle));
}

void backend_free_unused(struct list *idle)
{
    free(container_of(idle, struct backend, idle));
}
