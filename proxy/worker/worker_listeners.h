/*
 * worker_listeners.h - where clients come into a worker: its listening sockets, each with
 * the service that stands behind it now.
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
    int fd; /* -1: there is a listener with it */
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

/* The descriptor is the key's from now on, or closed if there is a listener with that
 * socket: each is held once, however many there are. */
struct staged_listener worker_listeners_stage(
    struct worker_listeners *listeners, uint32_t listener, int fd);
void staged_listener_destroy(const struct staged_listener *key);

/* All listeners lead to this generation now: those that stay keep their backlog, new ones
 * are opened, the others stay as they are until worker_listeners_shut(). Takes over the
 * keys' descriptors. */
void worker_listeners_switch(struct worker_listeners *listeners,
    const struct served *served, const struct staged_listener *keys, size_t count);

/* No newcomers come to the listeners that did not stay: who is on his way yet is let in,
 * then they close. */
void worker_listeners_shut(struct worker_listeners *listeners);

/* `handed_over`: somebody else goes on accepting from the same sockets; else those who
 * wait are let in first. */
void worker_listeners_close(struct worker_listeners *listeners, bool handed_over);

#endif
