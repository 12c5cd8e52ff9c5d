/*
 * clients.h - all client connections of one worker: accepted, counted, drained.
 *
 * This is the interface of the folder: the worker sees no other part of a client. Each
 * file calls those below it and none above:
 *
 *     clients                                    accept, room, drain
 *     client_events                              state x event -> function
 *     accept_phase    await_head                 the parts of a client's life
 *                     exchange
 *                     exchange_up, exchange_down
 *                     tunnel
 *     ending                                     the end of each of them
 *     backend_acquire, health_checks             which backend, and whether it is well
 *     backend, access_record, client_log
 *     client                                     struct client, its state
 */
#ifndef WLBPROXY_SESSION_CLIENTS_H
#define WLBPROXY_SESSION_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proxy/base/counters.h"
#include "proxy/base/service_counts.h"

struct clients;
struct denied_log;
struct loop;
struct service;
struct generation;

/* Made once per worker. */
struct clients *clients_new(struct loop *loop);
/* Call it after clients_drain()'s empty(), or when the loop has nothing left. */
void clients_free(struct clients *clients);

struct counters *clients_counters(struct clients *clients);
const struct service_counts_list *clients_services(const struct clients *clients);
const struct denied_log *clients_denied(const struct clients *clients);
uint32_t clients_backends(const struct clients *clients); /* connections to backends */

/* Takes over fd (accepted, non-blocking) for a service of the current generation, and
 * takes a reference on it. `peer` is copied. Admission limits may refuse it: then fd is
 * closed. */
void clients_accept(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer);

uint32_t clients_count(const struct clients *clients);

/* False while max_connections are open: the worker pauses its listeners. After a false
 * result `room` is called when there is room again. */
bool clients_have_room(struct clients *clients);
void clients_on_room(struct clients *clients, void (*room)(void *owner), void *owner);

/* No more requests on any connection: idle ones end now, busy ones after their reply.
 * `empty` is called once, when the last client and the last backend connection have gone;
 * at once, from inside, if there is none. */
void clients_drain(struct clients *clients, void (*empty)(void *owner), void *owner);

/* Ends everything now; the closed events follow from the loop. */
void clients_close_all(struct clients *clients);

/* Clients of `from` that have not sent a byte yet will make their handshake with the
 * service of the same name in `to`: from now on no handshake shows the certificates of
 * `from`. */
void clients_adopt(
    struct clients *clients, struct generation *from, struct generation *to);

/* Returns whether a handshake from before `current` has chosen its certificate and awaits
 * a key operation: it may still show the old one. It lasts milliseconds. */
bool clients_shows_older(const struct clients *clients, const struct generation *current);

/* Begins to check the health of this generation's backends, and ends all other checks. To
 * be called again when addresses have changed. Borrowed until the next call, or the end.
 */
void clients_check_backends(struct clients *clients, struct generation *generation);

/* Closes the idle backend connections and the like of a generation that is no longer
 * current, so that only its clients hold it. */
void clients_retire(struct generation *generation);

#endif
