/*
 * backend.h - a connection to one of a service's backends.
 *
 * Acquired for one exchange or tunnel, then closed or kept idle in the service's pool.
 * While it is acquired its user holds the one pointer to it, the slot given to
 * backend_acquire(); when a backend refuses and the next is tried, the slot is changed.
 */
#ifndef WLBPROXY_SESSION_BACKEND_H
#define WLBPROXY_SESSION_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/net/deadline.h"
#include "proxy/net/stream.h"

struct clients;
struct service;
struct backend;

/* What the user of a connection is told; all come from the loop. */
struct backend_events {
    void (*ready)(void *user); /* a new connection is there */
    void (*data)(void *user, const char *bytes, size_t len);
    void (*drained)(void *user);
    void (*ended)(void *user); /* its FIN */
    /* No backend could be had, or this one is lost. The slot is NULL by then. */
    void (*failed)(void *user, enum end_reason reason, const char *detail);
};

struct backend {
    struct stream stream;
    struct clients *clients;
    struct service *service; /* NULL once it is closing */
    int index; /* in service->backends */
    uint64_t tried; /* a bit for each backend this request was at */
    struct backend **slot;
    const struct backend_events *events;
    void *user;
    struct list idle; /* in its pool; also links free_list */
    struct list everywhere; /* in clients->idle */
    struct deadline deadline; /* connect_timeout, backend_idle_timeout */
    uint64_t received; /* bytes since it was acquired */
    bool connected, reused, all_bad, timed_out, ended;
};

/* Fills *slot: an idle connection that looks alive (then backend_is_ready() at once),
 * unless `fresh`; else one that is being made, and ready() or failed() follow. False:
 * this service has no backend at all. */
bool backend_acquire(struct clients *clients, struct service *service, bool fresh,
    const struct backend_events *events, void *user, struct backend **slot);

bool backend_is_ready(const struct backend *b);
bool backend_write(struct backend *b, const char *bytes, size_t len);
void backend_end(struct backend *b); /* FIN after what was written */
const char *backend_address(const struct backend *b);

/* The address where there is no choice; NULL: not yet known. */
const char *backend_only(const struct service *service);

/* Both clear the slot. Release: the exchange is complete and the connection may serve
 * another, if there is room in the pool. */
void backend_release(struct backend **slot);
void backend_abort(struct backend **slot);

/* To another user: hand over clears the slot, attach fills the new one. */
void backend_hand_over(struct backend **slot);
void backend_attach(struct backend *b, const struct backend_events *events, void *user,
    struct backend **slot);

/* As abort, by a reset: the backend must not take the end for a good one. */
void backend_reset(struct backend **slot);

/* For pool.c: gives up an idle connection, given by its pool link. */
void backend_close_idle(struct list *idle);

/* For clients.c. */
void backend_free_unused(struct list *idle);

#endif
