#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/clock.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/base/sandbox.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/channel.h"
#include "proxy/ipc/drained_backends.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/session/balancer.h"
#include "proxy/session/clients.h"
#include "proxy/worker/served.h"
#include "proxy/worker/worker_state.h"

/* ns; after that, clients have their turn. A busy worker prepares for longer at once, so
 * that it is ready in time, too. */
enum { PREPARE_SLICE = 1000 * 1000, PREPARE_SLICE_MAX = 20 * PREPARE_SLICE };
enum { PREPARE_SHARE = 4 /* of the time that clients had since: the fourth part */ };

void worker_take_sockets(struct worker *w, struct message *m)
{
    const size_t total = w->staged_count + m->fd_count;
    struct staged_listener *staged;
    uint32_t listener;

    w->sockets_lost |= m->len != m->fd_count * sizeof(listener);
    if (w->sockets_lost)
        return;
    staged = memory_resize(w->staged, total + 1, sizeof(*staged));
    w->staged = staged;
    for (size_t i = 0; i < m->fd_count; i++) {
        memcpy(&listener, m->body + i * sizeof(listener), sizeof(listener));
        w->staged[w->staged_count++] =
            worker_listeners_stage(&w->listeners, listener, m->fds[i]);
    }
    m->fd_count = 0;
}

static bool staged_fit(const struct worker *w, struct error *err)
{
    for (size_t i = 0; i < w->staged_count; i++) {
        if (w->staged[i].listener >= w->prepared->listener_count)
            return error_set(err, "a socket came for a listener that is not there");
    }
    return true;
}

/* The snapshot is not needed any more. */
static void end_preparing(struct worker *w)
{
    uv_idle_stop(&w->preparing);
    snapshot_destroy(&w->snapshot);
    sealed_close(&w->sealed);
}

static void release_prepared(struct worker *w)
{
    end_preparing(w);
    if (w->prepared != NULL)
        served_release(w->prepared);
    w->prepared = NULL;
}

/* Called after the first generation is built and before the first client: by then the
 * libraries have read what they read on first use. */
static bool sandbox_once(struct worker *w, struct error *err)
{
    if (w->confined)
        return true;
    w->confined = sandbox_enter(
        w->setup.connects_to_unix ? SANDBOX_WORKER_WITH_UNIX : SANDBOX_WORKER, err);
    if (w->confined)
        log_info("event=confined by=\"%s\"", w->confined_by);
    return w->confined;
}

bool worker_prepare(struct worker *w, struct message *m, struct error *err)
{
    release_prepared(w);
    if (w->sockets_lost || m->fds_lost)
        return error_set(err,
            "worker %u has no descriptors left for its listeners: raise LimitNOFILE "
            "(ulimit -n), it is %zu",
            w->setup.slot, descriptor_limit());
    if (m->fd_count != 1)
        return error_set(err, "an offer without its snapshot");
    m->fd_count = 0;
    if (!sealed_open(&w->sealed, m->fds[0], err) ||
        !snapshot_decode(&w->snapshot, w->sealed.bytes, w->sealed.len, err))
        return false;
    w->prepared = served_new(&w->snapshot, err);
    w->prepared_some = (uint64_t)clock_now_ns();
    return w->prepared != NULL && staged_fit(w, err);
}

bool worker_prepare_some(struct worker *w, struct error *err)
{
    const uint64_t now = (uint64_t)clock_now_ns();
    uint64_t slice = (now - w->prepared_some) / PREPARE_SHARE;

    slice = slice > PREPARE_SLICE ? slice : PREPARE_SLICE;
    slice = slice < PREPARE_SLICE_MAX ? slice : PREPARE_SLICE_MAX;
    if (!served_build(
            w->prepared, &w->snapshot, &w->tickets, w->read_key, now + slice, err))
        return false;
    w->prepared_some = (uint64_t)clock_now_ns();
    if (!served_is_built(w->prepared))
        return true;
    end_preparing(w);
    return sandbox_once(w, err);
}

bool worker_is_prepared(const struct worker *w)
{
    return w->prepared != NULL && served_is_built(w->prepared);
}

static void supersede_all(struct worker *w)
{
    for (struct list *node = w->generations.next; node != &w->generations;
         node = node->next) {
        const struct served *old = container_of(node, struct served, link);

        if (old != w->current)
            served_supersede(old, w->current);
    }
}

static void drain_backends_of(const struct worker *w, const struct service *service)
{
    for (size_t i = 0; i < balancer_count(service->balancer); i++) {
        const struct backend_address *address = balancer_at(service->balancer, i);
        bool drained = drained_backends_find(&w->drained, service->settings->name,
                           address->endpoint.text) >= 0;

        (void)condition_drain(address->condition, drained, loop_now(&w->loop));
    }
}

/* In all generations: clients of an older one do not go on to a drained backend. */
static void drain_backends(const struct worker *w)
{
    for (const struct list *node = w->generations.next; node != &w->generations;
         node = node->next) {
        const struct generation *g = container_of(node, struct served, link)->generation;

        for (size_t i = 0; i < g->settings->service_count; i++)
            drain_backends_of(w, &g->services[i]);
    }
}

void worker_take_drained(struct worker *w, const struct message *m)
{
    static struct drained_backends drained;

    if (!drained_backends_decode(&drained, m->body, m->len))
        return;
    w->drained = drained;
    drain_backends(w);
}

void worker_commit(struct worker *w)
{
    struct served *old = w->current;

    w->current = w->prepared;
    w->prepared = NULL;
    w->current->generation->began = loop_now(&w->loop);
    list_append(&w->generations, &w->current->link);
    if (w->draining) {
        worker_forget(w);
    } else {
        worker_listeners_switch(&w->listeners, w->current, w->staged, w->staged_count);
        w->staged_count = 0;
    }
    if (old != NULL)
        generation_inherit(w->current->generation, old->generation);
    drain_backends(w);
    clients_check_backends(w->clients, w->current->generation);
    if (old == NULL)
        return;
    clients_adopt(w->clients, old->generation, w->current->generation);
    supersede_all(w);
    clients_retire(old->generation);
    served_release(old);
}

static void set_addresses(
    struct generation *generation, const struct addresses *addresses)
{
    for (size_t i = 0; i < generation->settings->service_count; i++) {
        const struct service *service = &generation->services[i];
        const struct text_list *connect = &service->settings->connect;

        for (uint32_t line = 0; line < connect->count; line++) {
            if (strcmp(connect->items[line], addresses->connect) == 0)
                service_set_addresses(service, line, addresses->list, addresses->count);
        }
    }
}

/* The addresses go to all generations. They are not part of a configuration, and clients
 * of an older generation would connect to addresses that are no longer in use. */
void worker_take_addresses(struct worker *w, const struct message *m)
{
    static struct addresses addresses;
    struct list *node;

    if (!addresses_decode(&addresses, m->body, m->len))
        return;
    for (node = w->generations.next; node != &w->generations; node = node->next)
        set_addresses(container_of(node, struct served, link)->generation, &addresses);
    if (w->prepared != NULL)
        set_addresses(w->prepared->generation, &addresses);
    drain_backends(w);
    if (w->current != NULL)
        clients_check_backends(w->clients, w->current->generation);
}

void worker_forget(struct worker *w)
{
    for (size_t i = 0; i < w->staged_count; i++)
        staged_listener_destroy(&w->staged[i]);
    w->staged_count = 0;
    w->sockets_lost = false;
    release_prepared(w);
}

void worker_release_generations(struct worker *w)
{
    worker_forget(w);
    free(w->staged);
    if (w->current != NULL)
        served_release(w->current);
}
