/*
 * listener.h - accepts connections from an inherited listening socket.
 *
 * It does not use uv_listen(): libuv hides accept errors and, without descriptors, closes
 * waiting clients (its EMFILE trick). This listener tells the owner, waits, and loses
 * nobody. It accepts at most `LISTENER_BATCH` connections per iteration of the loop.
 */
#ifndef WLBPROXY_NET_LISTENER_H
#define WLBPROXY_NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proxy/net/deadline.h"
#include "proxy/net/poller.h"

struct listener;
struct loop;

enum { LISTENER_BATCH = 8, LISTENER_ERRORS_MAX = 64 /* in a row; then it rests */ };

struct listener_events {
    /* fd is non-blocking, close-on-exec, and has the options of socket_set_options(); the
     * callee owns it. */
    void (*accepted)(struct listener *l, int fd, const struct sockaddr_storage *peer);
    /* error is an errno of accept4(). The listener retries by itself: at once after an
     * error of one connection, after a pause where the cause may last. */
    void (*failed)(struct listener *l, int error);
    void (*closed)(struct listener *l);
};

struct listener {
    const struct listener_events *events;
    struct loop *loop;
    struct poller poller;
    int fd;
    struct deadline retry;
    unsigned errors; /* in a row */
    bool paused, closing;
    bool inherited; /* accepted sockets inherit the options set here */
};

/* Takes over fd, a listening socket. */
void listener_open(
    struct listener *l, struct loop *loop, const struct listener_events *events, int fd);
void listener_pause(struct listener *l); /* clients wait in the backlog */
void listener_resume(struct listener *l);
void listener_close(struct listener *l); /* closed() follows from the loop */

#endif
