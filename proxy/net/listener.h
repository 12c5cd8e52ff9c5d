/*
 * listener.h - accepts connections from an inherited listening socket.
 *
 * Not uv_listen(): libuv hides accept errors and, out of descriptors, closes waiting
 * clients (its EMFILE trick). Ours tells the owner, backs off, and loses nobody. At most
 * `LISTENER_BATCH` connections are taken per turn of the loop.
 */
#ifndef WLBPROXY_NET_LISTENER_H
#define WLBPROXY_NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proxy/net/deadline.h"
#include "proxy/net/poller.h"

struct listener;
struct loop;

enum { LISTENER_BATCH = 8 };

struct listener_events {
    /* fd is non-blocking, close-on-exec, socket_set_options() are set; the callee owns
     * it. */
    void (*accepted)(struct listener *l, int fd, const struct sockaddr_storage *peer);
    /* error is an errno of accept4(); the listener retries by itself after a pause where
     * that makes sense. */
    void (*failed)(struct listener *l, int error);
    void (*closed)(struct listener *l);
};

struct listener {
    const struct listener_events *events;
    struct loop *loop;
    struct poller poller;
    int fd;
    struct deadline retry;
    bool paused, closing;
    bool inherited; /* whoever is accepted from now on has the options set here */
};

/* Takes over fd, a listening socket. */
void listener_open(
    struct listener *l, struct loop *loop, const struct listener_events *events, int fd);
void listener_pause(struct listener *l); /* the backlog waits */
void listener_resume(struct listener *l);
void listener_close(struct listener *l); /* closed() follows from the loop */

#endif
