/*
 * clients_shared.h - the objects that all clients of one worker share: counters,
 * admission, free lists.
 *
 * Inside session/ only; the worker uses clients.h. clients.c makes it, and `gone` tells
 * clients.c that there may be room.
 */
#ifndef WLBPROXY_SESSION_CLIENTS_SHARED_H
#define WLBPROXY_SESSION_CLIENTS_SHARED_H

#include "proxy/base/buffer.h"
#include "proxy/base/counters.h"
#include "proxy/base/list.h"
#include "proxy/base/service_counts.h"
#include "proxy/net/deadline.h"
#include "proxy/net/loop.h"
#include "proxy/session/denied_log.h"
#include "proxy/session/free_list.h"
#include "proxy/session/log_rate_limit.h"

struct admission;

struct clients {
    struct loop *loop;
    struct counters counters;
    struct service_counts_list services;
    struct admission *admission;
    struct list clients; /* struct client.link */
    struct list handshaking; /* struct client.handshaking: oldest first */
    struct list awaiting_header; /* await_proxy_header.h */
    uint32_t awaiting_header_count;
    struct list idle_clients; /* struct client.idle: the longest idle first */
    struct list connecting; /* struct backend.link */
    struct list unused; /* struct backend.unused: idle connections and probes */
    struct list checks; /* health_checks.c */
    struct free_list exchanges, backends;
    struct buffer scratch; /* one flight towards a client, while it is put together */
    struct log_rate_limit log_limit;
    struct list access_waiting; /* struct client.access_waiting: with closed records */
    struct deadline access_due; /* when to look at them */
    uint32_t access_passed; /* requests that went well, since one was logged */
    struct denied_log denied;
    struct deadline suppressed_due; /* when to summarize suppressed lines */
    struct deadline room_due; /* when to look again, while there is no room */
    unsigned backend_count; /* connections to backends, closing ones too */
    uint32_t last_id;
    uint64_t full_told; /* ms: when max_connections_reached was last logged; 0: never */
    uint32_t leaving; /* clients that were ended to make room, not closed yet */
    uint32_t clients_peak; /* largest number of clients since memory was last given
                            * back */
    uint32_t max_connections, max_handshakes; /* of the generation that last accepted */
    bool draining, waiting_for_room;
    /* A client, its handshake or a connection to a backend has ended. This is
     * clients.c's: by a pointer, so that what lies below does not call up. */
    void (*on_end)(struct clients *clients);
    void (*room)(void *owner);
    void *room_owner;
    void (*empty)(void *owner);
    void *empty_owner;
};

#endif
