/*
 * worker_listeners.h - the listening sockets of a worker, each with the service it leads
 * to now.
 */
#ifndef WLBPROXY_WORKER_WORKER_LISTENERS_H
#define WLBPROXY_WORKER_WORKER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy/base/list.h"
#include "proxy/net/deadline.h"

struct clients;
struct loop;
struct served;

/* A socket received for a generation that is not yet committed. */
struct staged_listener {
    uint32_t listener; /* index in its generation */
    int fd; /* -1: an open listener has the socket already */
    ino_t inode;
};

struct worker_listeners {
    struct loop *loop;
    struct clients *clients;
    struct list open; /* struct worker_listener.link */
    struct deadline drain_backlog;
};

void worker_listeners_init(
    struct worker_listeners *listeners, struct loop *loop, struct clients *clients);

/* Takes over the descriptor. It is closed if a listener has that socket already: each is
 * held once, however many generations use it. */
struct staged_listener worker_listeners_stage(
    struct worker_listeners *listeners, uint32_t listener, int fd);
void staged_listener_destroy(const struct staged_listener *staged);

/* All listeners lead to this generation from now on: those that stay keep their backlog,
 * new ones are opened, and the others stay until worker_listeners_shut(). Takes over the
 * descriptors of `staged`. */
void worker_listeners_switch(struct worker_listeners *listeners,
    const struct served *served, const struct staged_listener *staged, size_t count);

/* Closes the listeners that did not stay, after the clients in their backlog have been
 * accepted. */
void worker_listeners_shut(struct worker_listeners *listeners);

/* `handed_over`: another process goes on accepting from the same sockets. Else the
 * clients in the backlogs are accepted first. */
void worker_listeners_close(struct worker_listeners *listeners, bool handed_over);

#endif
