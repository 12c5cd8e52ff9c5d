/*
 * backend.h - a connection to one of a service's backends.
 *
 * It serves one exchange or tunnel, and is then closed, kept idle for another request, or
 * bound to the client whose identity it carries. backend_acquire.h chooses the backend.
 * While it has a user, the user holds the one pointer to it: the slot.
 */
#ifndef WLBPROXY_SESSION_BACKEND_H
#define WLBPROXY_SESSION_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/net/deadline.h"
#include "proxy/net/stream.h"
#include "proxy/session/balancer.h"

struct client;
struct clients;
struct service;
struct backend;

/* The events of a connection for its user; all come from the loop. */
struct backend_events {
    void (*ready)(void *user); /* a new connection is there */
    void (*data)(void *user, const char *bytes, size_t len);
    void (*drained)(void *user);
    void (*ended)(void *user); /* its FIN; of TLS its close_notify */
    /* It could not be connected, or is lost, or it ended TLS without close_notify, so
     * that what came is not all, perhaps. The slot is NULL by then. */
    void (*failed)(void *user, enum end_reason reason, const char *detail);
};

enum backend_state {
    BACKEND_NEW,
    BACKEND_CONNECTING,
    BACKEND_IN_USE,
    BACKEND_IDLE, /* among the service's idle connections */
    BACKEND_BOUND, /* idle, and kept for one client */
    BACKEND_PROBING, /* has no user: it finds out whether its backend is up again */
    BACKEND_CLOSING,
};

struct backend {
    struct stream stream;
    enum backend_state state;
    struct clients *clients;
    struct service *service; /* NULL once it is closing */
    struct backend_address *address; /* one reference, until it is closed */
    struct backend **slot;
    const struct backend_events *events;
    void *user;
    struct list
        link; /* in clients->connecting, the service's idle ones, or the free_list */
    struct list unused; /* in clients->unused: idle ones and probes of all services */
    struct deadline deadline; /* connect_timeout, backend_idle_timeout */
    uint64_t began; /* ms: when it began to connect */
    bool reused; /* it has served another request before */
    bool trial; /* see balancer_choose() */
    bool awaits_reply; /* an end without a reply is the backend's fault */
    bool replied; /* since it was acquired */
    bool ended;
};

/* Each of these fills *slot. Makes a new connection for that client, and begins it with
 * the client's PROXY header (send_proxy); ready() or failed() follows. `trial`: see
 * balancer_choose(). */
void backend_connect(struct client *client, struct backend_address *address, bool trial,
    const struct backend_events *events, void *user, struct backend **slot);

/* Takes an idle connection that looks alive: backend_is_ready() at once. False: there is
 * none. */
bool backend_take_idle(struct service *service, const struct backend_address *address,
    const struct backend_events *events, void *user, struct backend **slot);

/* The same with the connection that is bound to a client; false: it has none. */
bool backend_take_bound(struct backend **bound, const struct backend_events *events,
    void *user, struct backend **slot);

/* Finds out by a connection whether a backend that was down is up again. */
void backend_probe(
    struct clients *clients, struct service *service, struct backend_address *address);

bool backend_is_ready(const struct backend *b);
bool backend_write(struct backend *b, const char *bytes, size_t len);
void backend_end(struct backend *b); /* FIN after what was written */

/* All clear the slot. Release: the exchange is complete and the connection may serve
 * another, if there is room among the idle ones. Bind: it may serve the same client only,
 * whose slot for it is `bound` and who has to abort it. */
void backend_release(struct backend **slot);
void backend_bind(struct backend **slot, struct backend **bound);
void backend_abort(struct backend **slot);

/* To another user: hand over clears the slot, attach fills the new one. */
void backend_hand_over(struct backend **slot);
void backend_attach(struct backend *b, const struct backend_events *events, void *user,
    struct backend **slot);

/* As abort, by a reset: the backend must not take the end for a good one. */
void backend_reset(struct backend **slot);

/* Closes the service's idle connections, and keeps none from now on. */
void backend_retire(struct service *service);

/* For clients.c: closes all idle connections and probes; frees a spare by its link. */
void backend_close_unused(struct clients *clients);
void backend_free_unused(struct list *link);

#endif
