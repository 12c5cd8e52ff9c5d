/*
 * front.h - what all clients of one worker share: counters, admission, free lists.
 *
 * Inside session/ only; client.h is what process/ sees.
 */
#ifndef WLBPROXY_SESSION_FRONT_H
#define WLBPROXY_SESSION_FRONT_H

#include "proxy/base/buffer.h"
#include "proxy/base/list.h"
#include "proxy/net/deadline.h"
#include "proxy/net/loop.h"
#include "proxy/session/counters.h"
#include "proxy/session/noise.h"

struct admission;
struct parser;
struct service;

enum { FRONT_SPARES = 64 }; /* of each kind kept for the next one */

/* Objects that wait for reuse, linked by a struct list inside them. */
struct spares {
    struct list list;
    unsigned count;
};

struct front {
    struct loop *loop;
    struct counters counters;
    struct admission *admission;
    struct list clients; /* struct client.link */
    struct list handshaking; /* struct client.handshaking: oldest first */
    struct list idle; /* struct backend.everywhere: idle ones of all pools */
    struct spares exchanges, backends;
    struct buffer scratch; /* one flight towards a client, while it is put together */
    struct noise noise;
    struct deadline noise_due; /* for the summary of what was held back */
    struct deadline room_due; /* for another look, while there is no room */
    unsigned backend_count; /* connections to backends, closing ones too */
    uint32_t last_id;
    uint64_t full_told; /* ms: when the house was last full; 0: never */
    uint32_t crowd; /* most clients at a time, since memory was last given back */
    uint32_t max_connections, max_handshakes; /* of the generation that last accepted */
    bool draining, waiting_for_room;
    void (*room)(void *owner);
    void *room_owner;
    void (*empty)(void *owner);
    void *empty_owner;
};

/* The newest spare, or NULL; and back. False: enough of them, free it. */
struct list *spares_take(struct spares *spares);
bool spares_keep(struct spares *spares, struct list *node);

/* Something has gone: tells who waits for room or for the end. */
void front_on_gone(struct front *front);

/* One log line, unless too many for the same reason came lately; see noise.h. */
bool front_may_log(struct front *front, enum end_reason reason);

#endif
