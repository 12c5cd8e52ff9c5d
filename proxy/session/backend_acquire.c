#include "proxy/session/backend_acquire.h"

#include "proxy/session/client.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/generation.h"

static const struct backend_events attempt_events;

static uint64_t now_of(const struct backend_search *search)
{
    return loop_now(search->client->clients->loop);
}

static struct backend_address *choose(struct backend_search *search, bool *trial)
{
    return balancer_choose(search->client->service->balancer, search->tried,
        search->source, now_of(search), trial);
}

static void attempt(
    struct backend_search *search, struct backend_address *address, bool trial)
{
    search->address = address;
    backend_connect(
        search->client, address, trial, &attempt_events, search, search->slot);
}

/* False: the request was at all backends. */
static bool try_next(struct backend_search *search)
{
    bool trial;
    struct backend_address *address = choose(search, &trial);

    if (address == NULL)
        return false;
    backend_abort(search->slot);
    attempt(search, address, trial);
    return true;
}

/* Requests that still wait for a backend that has just been marked down are at another
 * one sooner than their own connect_timeout would bring them there. */
static void move_on_from(
    const struct client *client, const struct backend_address *address)
{
    struct list *all = &client->clients->connecting;
    struct list *link = all->next, *last = all->prev;
    bool more = link != all;

    while (more) {
        struct backend *b = container_of(link, struct backend, link);
        struct backend_search *other = b->user;

        more = link != last;
        link = link->next;
        if (other->address == address && other->client->service == client->service &&
            balancer_has_choice(client->service->balancer, other->tried))
            (void)try_next(other);
    }
}

static enum end_reason reason_of(const struct backend_search *search)
{
    if (search->timed_out)
        return END_BACKEND_TIMEOUT;
    if (search->all_down && balancer_count(search->client->service->balancer) > 1)
        return END_BACKEND_NONE;
    return search->tls_failed ? END_BACKEND_TLS : END_BACKEND_REFUSED;
}

static void on_failed(void *user, enum end_reason reason, const char *detail)
{
    struct backend_search *search = user;
    const struct backend_address *failed = search->address;

    search->timed_out |= reason == END_BACKEND_TIMEOUT;
    search->tls_failed |= reason == END_BACKEND_TLS;
    if (try_next(search))
        move_on_from(search->client, failed);
    else
        search->events->failed(search->user, reason_of(search), detail);
}

static void on_ready(void *user)
{
    struct backend_search *search = user;

    backend_attach(*search->slot, search->events, search->user, search->slot);
    search->events->ready(search->user);
}

static const struct backend_events attempt_events = {
    .ready = on_ready,
    .failed = on_failed,
};

static void probe_those_due(struct clients *clients, struct service *service)
{
    struct backend_address *address;

    while ((address = balancer_next_probe(service->balancer, loop_now(clients->loop))) !=
        NULL)
        backend_probe(clients, service, address);
}

bool backend_acquire(struct backend_search *search, const struct backend_events *events,
    void *user, struct backend **slot)
{
    struct service *service = search->client->service;
    struct backend_address *address;
    bool trial;

    search->events = events;
    search->user = user;
    search->slot = slot;
    search->all_down = balancer_all_down(service->balancer);
    search->timed_out = search->tls_failed = false;
    probe_those_due(search->client->clients, service);
    address = choose(search, &trial);
    if (address == NULL)
        return false;
    if (search->fresh || trial ||
        !backend_take_idle(service, address, events, user, slot))
        attempt(search, address, trial);
    return true;
}

struct backend_address *backend_only(const struct service *service)
{
    return balancer_count(service->balancer) == 1 ? balancer_at(service->balancer, 0)
                                                  : NULL;
}
