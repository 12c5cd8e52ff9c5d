#include "proxy/session/front.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/net/tls.h"
#include "proxy/session/admission.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/client_state.h"
#include "proxy/session/exchange.h"
#include "proxy/session/handshake.h"
#include "proxy/session/pool.h"
#include "proxy/session/report.h"
#include "proxy/session/requests.h"
#include "proxy/session/shed.h"

enum {
    ROOM_TICK = 50, /* ms between looks at handshakes that can be shed */
    FULL_AGAIN = 60 * 1000, /* ms between two lines that say so */
    CROWD = 256, /* clients whose memory is worth giving back */
};

/* ---- spares ---- */

struct list *spares_take(struct spares *spares)
{
    struct list *node = list_take(&spares->list);

    if (node != NULL)
        spares->count--;
    return node;
}

bool spares_keep(struct spares *spares, struct list *node)
{
    if (spares->count >= FRONT_SPARES)
        return false;
    spares->count++;
    list_append(&spares->list, node);
    return true;
}

/* ---- the log ---- */

bool front_may_log(struct front *front, enum end_reason reason)
{
    if (noise_allow(&front->noise, reason, loop_now(front->loop)))
        return true;
    if (!deadline_is_armed(&front->noise_due))
        loop_arm(front->loop, &front->noise_due, NOISE_SUMMARY);
    return false;
}

static void on_noise_due(struct deadline *due)
{
    report_held(container_of(due, struct front, noise_due));
}

/* ---- room ---- */

static bool has_room(const struct front *front)
{
    return front->counters.clients < front->max_connections &&
        (!shed_is_due(front) || shed_candidate(front) != NULL);
}

void front_on_room(struct front *front, void (*room)(void *owner), void *owner)
{
    front->room = room;
    front->room_owner = owner;
}

/* At the limit clients come and go: once for all of that is enough. */
static void tell_of_full_house(struct front *front)
{
    uint64_t now = loop_now(front->loop);

    if (front->full_told == 0 || now - front->full_told >= FULL_AGAIN)
        log_warning("event=full clients=%llu max_connections=%u detail=\"new connections "
                    "wait in the backlog; raise max_connections to serve more\"",
            (unsigned long long)front->counters.clients, front->max_connections);
    front->full_told = now;
}

static void wait_for_room(struct front *front)
{
    if (front->waiting_for_room)
        return;
    front->waiting_for_room = true;
    loop_arm(front->loop, &front->room_due, ROOM_TICK);
    if (front->counters.clients >= front->max_connections)
        tell_of_full_house(front);
}

bool front_has_room(struct front *front)
{
    if (has_room(front))
        return true;
    wait_for_room(front);
    return false;
}

static void look_for_room(struct front *front)
{
    if (!front->waiting_for_room)
        return;
    if (!has_room(front)) {
        loop_arm(front->loop, &front->room_due, ROOM_TICK);
        return;
    }
    front->waiting_for_room = false;
    deadline_disarm(&front->room_due);
    if (front->room != NULL)
        front->room(front->room_owner);
}

static void on_room_due(struct deadline *due)
{
    look_for_room(container_of(due, struct front, room_due));
}

static void tell_if_empty(struct front *front)
{
    void (*empty)(void *owner) = front->empty;

    if (empty == NULL || front->counters.clients > 0 || front->backend_count > 0)
        return;
    front->empty = NULL;
    empty(front->empty_owner);
}

/* What a flood made the allocator take, it would keep. */
static void give_back_memory(struct front *front)
{
    uint32_t clients = front_clients(front);

    if (front->crowd < CROWD || clients > front->crowd / 4)
        return;
    front->crowd = clients;
    malloc_trim(0);
}

void front_on_gone(struct front *front)
{
    give_back_memory(front);
    look_for_room(front);
    tell_if_empty(front);
}

/* ---- its life ---- */

struct front *front_new(struct loop *loop)
{
    struct front *front = calloc(1, sizeof(*front));

    if (front == NULL)
        abort();
    front->loop = loop;
    front->admission = admission_new();
    front->max_connections = front->max_handshakes = UINT32_MAX;
    list_init(&front->clients);
    list_init(&front->handshaking);
    list_init(&front->idle);
    list_init(&front->exchanges.list);
    list_init(&front->backends.list);
    deadline_init(&front->noise_due, on_noise_due);
    deadline_init(&front->room_due, on_room_due);
    return front;
}

void front_free(struct front *front)
{
    struct list *node;

    if (front == NULL)
        return;
    deadline_disarm(&front->noise_due);
    deadline_disarm(&front->room_due);
    report_held(front);
    while ((node = spares_take(&front->exchanges)) != NULL)
        exchange_free_spare(node);
    while ((node = spares_take(&front->backends)) != NULL)
        backend_free_spare(node);
    buffer_destroy(&front->scratch);
    admission_free(front->admission);
    free(front);
}

struct counters *front_counters(struct front *front)
{
    return &front->counters;
}

uint32_t front_clients(const struct front *front)
{
    return (uint32_t)front->counters.clients;
}

/* ---- the door ---- */

static struct admission_limits limits_of(const struct settings *settings)
{
    return (struct admission_limits){
        .connections_per_source = settings->max_connections_per_source,
        .handshake_rate = settings->handshake_rate,
    };
}

static bool admit(struct front *front, const struct settings *settings,
    const struct sockaddr_storage *peer, struct source **source)
{
    struct admission_limits limits = limits_of(settings);
    enum admission_verdict verdict = admission_enter(front->admission, &limits, peer,
        shed_is_no_help(front), loop_now(front->loop), source);
    enum end_reason reason =
        verdict == ADMIT_NOT_RATE ? END_HANDSHAKE_SHED : END_TOO_MANY;

    if (verdict == ADMIT)
        return true;
    if (verdict == ADMIT_NOT_RATE)
        front->counters.handshakes_shed++;
    front->counters.ends[reason]++;
    report_refusal(front, reason, peer);
    return false;
}

static void make_room_for_handshake(struct front *front)
{
    if (!shed_is_due(front))
        return;
    struct client *one = shed_candidate(front);
    if (one != NULL)
        handshake_shed(one);
}

void client_accept(struct front *front, struct service *service, int fd,
    const struct sockaddr_storage *peer)
{
    const struct settings *settings = service->generation->settings;
    struct source *source;

    front->counters.accepted++;
    front->max_connections = settings->max_connections;
    front->max_handshakes = settings->max_handshakes;
    if (!admit(front, settings, peer, &source)) {
        close(fd);
        return;
    }
    if (front_clients(front) >= front->crowd)
        front->crowd = front_clients(front) + 1;
    make_room_for_handshake(front);
    client_start(client_new(front, service, peer, source), fd);
}

/* ---- the end ---- */

static void close_idle_backends(struct front *front)
{
    while (!list_empty(&front->idle))
        backend_close_idle(
            &container_of(front->idle.next, struct backend, everywhere)->idle);
}

/* Ending a client does not free it, nor unlink it: that follows from the loop. */
static void for_each_client(struct front *front, void (*what)(struct client *c))
{
    struct list *node = front->clients.next;

    while (node != &front->clients) {
        struct client *c = container_of(node, struct client, link);

        node = node->next;
        what(c);
    }
}

void front_drain(struct front *front, void (*empty)(void *owner), void *owner)
{
    front->draining = true;
    front->empty = empty;
    front->empty_owner = owner;
    close_idle_backends(front);
    for_each_client(front, requests_drain);
    tell_if_empty(front);
}

void front_close_all(struct front *front)
{
    front->draining = true;
    close_idle_backends(front);
    for_each_client(front, client_end_now);
}

static struct service *namesake(
    const struct service *service, const struct generation *generation)
{
    for (size_t i = 0; i < generation->settings->service_count; i++) {
        if (strcmp(generation->services[i].settings->name, service->settings->name) == 0)
            return &generation->services[i];
    }
    return NULL;
}

void front_adopt(struct front *front, struct generation *from, struct generation *to)
{
    struct list *node;

    for (node = front->handshaking.next; node != &front->handshaking; node = node->next) {
        struct client *c = container_of(node, struct client, handshaking);
        struct service *service = c->generation == from ? namesake(c->service, to) : NULL;

        if (service != NULL)
            client_adopt(c, service);
    }
}

bool front_shows_older(const struct front *front, const struct generation *current)
{
    for (struct list *node = front->handshaking.next; node != &front->handshaking;
         node = node->next) {
        const struct client *c = container_of(node, struct client, handshaking);

        if (c->generation != current && c->stream.tls != NULL &&
            tls_awaits_keys(c->stream.tls))
            return true;
    }
    return false;
}

void front_retire(struct front *front, struct generation *generation)
{
    (void)front;
    for (size_t i = 0; i < generation->settings->service_count; i++)
        pool_retire(generation->services[i].pool);
}
