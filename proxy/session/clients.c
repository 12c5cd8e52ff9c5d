#include "proxy/session/clients.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/network.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/session/accept_phase.h"
#include "proxy/session/access_record.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/admission.h"
#include "proxy/session/await_head.h"
#include "proxy/session/await_proxy_header.h"
#include "proxy/session/backend.h"
#include "proxy/session/client.h"
#include "proxy/session/client_events.h"
#include "proxy/session/client_log.h"
#include "proxy/session/clients_shared.h"
#include "proxy/session/ending.h"
#include "proxy/session/exchange.h"
#include "proxy/session/health_checks.h"
#include "proxy/session/shed.h"
#include "proxy/tls/tls.h"

enum {
    ROOM_TICK = 50, /* ms between looks at handshakes that can be shed */
    FULL_AGAIN = 60 * 1000, /* ms between two log lines about it */
    IDLE_LOOKS = 8, /* idle clients examined, the longest idle first, for one that may
                     * make room */
    LEAVING_MAX = 32, /* beyond max_connections, for a moment: descriptors are reserved
                       * for them */
    MANY_CLIENTS = 256, /* so many that their memory is worth giving back */
};

/* ---- room ---- */

static bool is_full(const struct clients *clients)
{
    return clients->counters.connections + clients->awaiting_header_count -
        clients->leaving >=
        clients->max_connections;
}

static struct client *longest_idle(const struct clients *clients)
{
    const struct list *node = clients->idle_clients.next;

    for (int i = 0; i < IDLE_LOOKS && node != &clients->idle_clients; i++) {
        struct client *c = container_of(node, struct client, idle);

        if (requests_may_make_room(c))
            return c;
        node = node->next;
    }
    return NULL;
}

static bool idle_may_make_room(const struct clients *clients)
{
    return clients->leaving < LEAVING_MAX && longest_idle(clients) != NULL;
}

static bool has_room(const struct clients *clients)
{
    return (!is_full(clients) || idle_may_make_room(clients)) &&
        (!shed_is_due(clients) || shed_candidate(clients) != NULL);
}

void clients_on_room(struct clients *clients, void (*room)(void *owner), void *owner)
{
    clients->room = room;
    clients->room_owner = owner;
}

/* At the limit clients come and go: one line covers all of that. */
static void log_max_connections_reached(struct clients *clients)
{
    uint64_t now = loop_now(clients->loop);

    if (clients->full_told == 0 || now - clients->full_told >= FULL_AGAIN)
        log_warning("event=max_connections_reached clients=%llu max_connections=%u "
                    "detail=\"new connections wait in the backlog; raise "
                    "max_connections to serve more\"",
            (unsigned long long)clients->counters.connections, clients->max_connections);
    clients->full_told = now;
}

static void wait_for_room(struct clients *clients)
{
    if (clients->waiting_for_room)
        return;
    clients->waiting_for_room = true;
    loop_arm(clients->loop, &clients->room_due, ROOM_TICK);
    if (is_full(clients))
        log_max_connections_reached(clients);
}

bool clients_have_room(struct clients *clients)
{
    if (has_room(clients))
        return true;
    wait_for_room(clients);
    return false;
}

static void look_for_room(struct clients *clients)
{
    if (!clients->waiting_for_room)
        return;
    if (!has_room(clients)) {
        loop_arm(clients->loop, &clients->room_due, ROOM_TICK);
        return;
    }
    clients->waiting_for_room = false;
    deadline_disarm(&clients->room_due);
    if (clients->room != NULL)
        clients->room(clients->room_owner);
}

static void on_room_due(struct deadline *due)
{
    look_for_room(container_of(due, struct clients, room_due));
}

static void tell_if_empty(struct clients *clients)
{
    void (*empty)(void *owner) = clients->empty;

    if (empty == NULL || clients->counters.connections > 0 ||
        clients->awaiting_header_count > 0 || clients->backend_count > 0)
        return;
    clients->empty = NULL;
    empty(clients->empty_owner);
}

/* The allocator would keep the memory that a flood needed. */
static void give_back_memory(struct clients *clients)
{
    uint32_t count = clients_count(clients);

    if (clients->clients_peak < MANY_CLIENTS || count > clients->clients_peak / 4)
        return;
    clients->clients_peak = count;
    malloc_trim(0);
}

static void on_end(struct clients *clients)
{
    give_back_memory(clients);
    look_for_room(clients);
    tell_if_empty(clients);
}

/* ---- its life ---- */

struct clients *clients_new(struct loop *loop)
{
    struct clients *clients = memory_new(sizeof(*clients));

    clients->loop = loop;
    clients->admission = admission_new();
    clients->max_connections = clients->max_handshakes = UINT32_MAX;
    list_init(&clients->clients);
    list_init(&clients->handshaking);
    list_init(&clients->awaiting_header);
    list_init(&clients->idle_clients);
    list_init(&clients->connecting);
    list_init(&clients->unused);
    list_init(&clients->checks);
    free_list_init(&clients->exchanges);
    free_list_init(&clients->backends);
    list_init(&clients->access_waiting);
    deadline_init(&clients->access_due, access_on_due);
    deadline_init(&clients->suppressed_due, client_log_on_suppressed_due);
    deadline_init(&clients->room_due, on_room_due);
    clients->on_end = on_end;
    return clients;
}

void clients_free(struct clients *clients)
{
    struct list *node;

    if (clients == NULL)
        return;
    deadline_disarm(&clients->access_due);
    deadline_disarm(&clients->suppressed_due);
    deadline_disarm(&clients->room_due);
    client_log_suppressed(clients);
    while ((node = free_list_take(&clients->exchanges)) != NULL)
        exchange_free_unused(node);
    while ((node = free_list_take(&clients->backends)) != NULL)
        backend_free_unused(node);
    buffer_destroy(&clients->scratch);
    admission_free(clients->admission);
    free(clients);
}

struct counters *clients_counters(struct clients *clients)
{
    return &clients->counters;
}

const struct denied_log *clients_denied(const struct clients *clients)
{
    return &clients->denied;
}

const struct service_counts_list *clients_services(const struct clients *clients)
{
    return &clients->services;
}

uint32_t clients_backends(const struct clients *clients)
{
    return clients->backend_count;
}

uint32_t clients_count(const struct clients *clients)
{
    return (uint32_t)clients->counters.connections;
}

/* ---- admission ---- */

/* By default half of all, so that one address cannot take the whole worker. */
static uint32_t connections_per_source(const struct settings *settings)
{
    return settings->max_connections_per_source == CONNECTIONS_PER_SOURCE_AUTO
        ? (settings->max_connections + 1) / 2
        : settings->max_connections_per_source;
}

static struct admission_limits limits_of(const struct settings *settings)
{
    return (struct admission_limits){
        .connections_per_source = connections_per_source(settings),
        .handshake_rate = settings->handshake_rate,
    };
}

static bool admit(struct clients *clients, const struct settings *settings,
    const struct sockaddr_storage *peer, struct source **source)
{
    struct admission_limits limits = limits_of(settings);
    enum admission_verdict verdict = admission_enter(clients->admission, &limits, peer,
        cpu_saturated(clients), loop_now(clients->loop), source);
    enum end_reason reason =
        verdict == ADMIT_NOT_RATE ? END_HANDSHAKE_SHED : END_TOO_MANY;

    if (verdict == ADMIT)
        return true;
    if (verdict == ADMIT_NOT_RATE)
        clients->counters.handshakes_shed++;
    clients->counters.ends[reason]++;
    client_log_refusal(clients, reason, peer, NULL);
    return false;
}

static void deny(struct clients *clients, const struct service *service,
    const struct in6_addr *address, const struct sockaddr_storage *peer)
{
    const char *name = service->settings->name;
    const uint64_t now = loop_now(clients->loop);
    const char *rule =
        denied_log_add(&clients->denied, name, service->rules, address, now);

    clients->counters.ends[END_DENIED]++;
    if (denied_log_may(&clients->denied, address, now))
        client_log_denied(clients, name, peer, rule);
}

/* Where a name chooses the service, the rules are applied once it is known: see
 * accept_phase.c. */
static bool is_denied(struct clients *clients, const struct service *service,
    const struct sockaddr_storage *peer)
{
    struct in6_addr address = network_address(peer);

    if (service->generation->has_names || access_rules_admit(service->rules, &address))
        return false;
    deny(clients, service, &address, peer);
    return true;
}

static void make_room_for_client(struct clients *clients)
{
    struct client *one = is_full(clients) ? longest_idle(clients) : NULL;

    if (one != NULL)
        client_make_room(one);
}

static void make_room_for_handshake(struct clients *clients)
{
    if (!shed_is_due(clients))
        return;
    struct client *one = shed_candidate(clients);
    if (one != NULL)
        handshake_shed(one);
}

/* A client whose address is known. */
static void begin(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer)
{
    const struct settings *settings = service->generation->settings;
    struct source *source;

    if (is_denied(clients, service, peer) || !admit(clients, settings, peer, &source)) {
        close(fd);
        return;
    }
    make_room_for_client(clients);
    if (clients_count(clients) >= clients->clients_peak)
        clients->clients_peak = clients_count(clients) + 1;
    make_room_for_handshake(clients);
    client_begin(clients, service, fd, peer, source);
}

/* The master's own connections have no address. */
static bool speaks_for_others(
    const struct service *service, const struct sockaddr_storage *peer)
{
    struct in6_addr address = network_address(peer);

    return service->settings->proxy_protocol != PROXY_PROTOCOL_OFF &&
        !IN6_IS_ADDR_UNSPECIFIED(&address) &&
        access_rules_trust(service->rules, &address);
}

void clients_accept(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer)
{
    const struct settings *settings = service->generation->settings;

    clients->counters.accepted++;
    clients->max_connections = settings->max_connections;
    clients->max_handshakes = settings->max_handshakes;
    if (speaks_for_others(service, peer))
        proxy_header_await(clients, service, fd, peer, begin);
    else
        begin(clients, service, fd, peer);
}

/* ---- the end ---- */

/* Ending a client neither frees nor unlinks it: that follows from the loop. */
static void for_each_client(struct clients *clients, void (*what)(struct client *c))
{
    struct list *node = clients->clients.next;

    while (node != &clients->clients) {
        struct client *c = container_of(node, struct client, link);

        node = node->next;
        what(c);
    }
}

void clients_drain(struct clients *clients, void (*empty)(void *owner), void *owner)
{
    clients->draining = true;
    clients->empty = empty;
    clients->empty_owner = owner;
    backend_close_unused(clients);
    health_checks_end(clients);
    for_each_client(clients, requests_drain);
    tell_if_empty(clients);
}

void clients_close_all(struct clients *clients)
{
    clients->draining = true;
    backend_close_unused(clients);
    health_checks_end(clients);
    proxy_headers_end(clients);
    for_each_client(clients, client_end_now);
}

void clients_adopt(
    struct clients *clients, struct generation *from, struct generation *to)
{
    struct list *node;

    proxy_headers_adopt(clients, from, to);
    for (node = clients->handshaking.next; node != &clients->handshaking;
         node = node->next) {
        struct client *c = container_of(node, struct client, handshaking);
        struct service *service = c->generation == from
            ? generation_service(to, c->service->settings->name)
            : NULL;

        if (service != NULL)
            client_adopt(c, service);
    }
}

bool clients_shows_older(const struct clients *clients, const struct generation *current)
{
    for (struct list *node = clients->handshaking.next; node != &clients->handshaking;
         node = node->next) {
        const struct client *c = container_of(node, struct client, handshaking);

        if (c->generation != current && c->stream.tls != NULL &&
            tls_awaits_keys(c->stream.tls))
            return true;
    }
    return false;
}

void clients_check_backends(struct clients *clients, struct generation *generation)
{
    health_checks_follow(clients, generation);
}

void clients_retire(struct generation *generation)
{
    for (size_t i = 0; i < generation->settings->service_count; i++)
        backend_retire(&generation->services[i]);
}
