/*
 * client.h - one client connection from accept to its last byte.
 *
 * States, each with its own deadline: HANDSHAKE, AWAIT_HEAD, EXCHANGE, LINGER (http);
 * HANDSHAKE, TUNNEL, LINGER (tcp). `front` is what all clients of a worker share.
 */
#ifndef WLBPROXY_SESSION_CLIENT_H
#define WLBPROXY_SESSION_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proxy/session/counters.h"

struct front;
struct loop;
struct service;
struct generation;

/* Made once per worker. */
struct front *front_new(struct loop *loop);
/* After front_drain()'s empty(), or when the loop has nothing left. */
void front_free(struct front *front);

struct counters *front_counters(struct front *front);

/* Takes over fd (accepted, non-blocking) for a service of the current generation, takes a
 * reference on it. `peer` is copied. May refuse by admission limits: then fd is closed.
 */
void client_accept(struct front *front, struct service *service, int fd,
    const struct sockaddr_storage *peer);

uint32_t front_clients(const struct front *front);

/* False while max_connections are open: the worker pauses its listeners; whoever was told
 * so is called (`room`) when there is room again. */
bool front_has_room(struct front *front);
void front_on_room(struct front *front, void (*room)(void *owner), void *owner);

/* No more requests on any connection: idle ones end now, busy ones after their reply.
 * `empty` is called once, when the last client and the last backend connection are gone;
 * at once, from inside, if there is none. */
void front_drain(struct front *front, void (*empty)(void *owner), void *owner);

/* Ends everything now; the closed events follow from the loop. */
void front_close_all(struct front *front);

/* Clients of `from` that have not said a byte yet shake hands under the service of the
 * same name in `to`: from now on no handshake shows what `from` served. */
void front_adopt(struct front *front, struct generation *from, struct generation *to);

/* A handshake that began before `current` has chosen its certificate and awaits a key
 * operation: it may still show the old one. A matter of milliseconds. */
bool front_shows_older(const struct front *front, const struct generation *current);

/* Gives up the idle backend connections and the like of a generation that is no longer
 * current, so that nothing but its clients holds it. */
void front_retire(struct front *front, struct generation *generation);

#endif
