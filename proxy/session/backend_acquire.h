/*
 * backend_acquire.h - gets a connection to a backend for one request: chooses the
 * backend, and the next one when that cannot be connected.
 */
#ifndef WLBPROXY_SESSION_BACKEND_ACQUIRE_H
#define WLBPROXY_SESSION_BACKEND_ACQUIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/session/backend.h"
#include "proxy/session/balancer.h"

struct client;
struct service;

/* Stays in its place until ready() or failed(), or until the user aborts the
 * connection. */
struct backend_search {
    /* The user's wishes. */
    struct client *client;
    uint64_t source; /* of the client, see balancer_choose() */
    struct balancer_tried *tried; /* the backends that this request was at */
    bool fresh; /* no connection that was idle */
    /* backend_acquire.c's own. */
    const struct backend_events *events;
    void *user;
    struct backend **slot;
    const struct backend_address *address; /* the one that is being tried */
    /* Of the attempts so far, for the reason in failed(). */
    bool all_down, timed_out, tls_failed;
};

/* Fills *slot: an idle connection that looks alive (then backend_is_ready() at once),
 * unless a fresh one is wanted; else one that is being made, and ready() or failed()
 * follows. While other backends are tried the slot changes; failed() comes when none is
 * left. False: this service has no address to connect to. */
bool backend_acquire(struct backend_search *search, const struct backend_events *events,
    void *user, struct backend **slot);

/* The address where there is no choice; NULL: not yet known. Borrowed. */
struct backend_address *backend_only(const struct service *service);

#endif
