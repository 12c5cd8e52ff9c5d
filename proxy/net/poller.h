/*
 * poller.h - one epoll set for all sockets of a loop, which libuv watches as one.
 *
 * A uv_poll_t for each socket costs six system calls per connection, this costs two.
 * Level-triggered: what a callback leaves unread, or a read that fails for a moment, is
 * told again. One turn of the loop takes at most POLL_BATCH events.
 */
#ifndef WLBPROXY_NET_POLLER_H
#define WLBPROXY_NET_POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

#include <uv.h>

#include "proxy/base/list.h"

enum {
    POLL_BATCH = 256,
    POLL_READ = EPOLLIN | EPOLLRDHUP | EPOLLPRI,
    POLL_WRITE = EPOLLOUT,
    POLL_ERROR = EPOLLONESHOT, /* nothing else; and once, or it would come for ever */
};

/* Embedded in its owner. */
struct poller {
    /* EPOLLIN, EPOLLERR, ...; also some that were asked for a moment ago. */
    void (*happened)(struct poller *w, uint32_t events);
    void (*closed)(struct poller *w);
    struct list closing;
    uint32_t wanted;
    uint32_t pending; /* came with this turn's events and will be told in it */
    int fd; /* -1: none */
};

/* Belongs to the loop. */
struct pollers {
    uv_poll_t poll;
    struct list closing; /* struct poller.closing */
    uint32_t open;
    int epoll;
};

void pollers_init(struct pollers *all, uv_loop_t *uv);
void pollers_close(struct pollers *all); /* its handle; the rest is pollers_destroy()'s */
void pollers_destroy(struct pollers *all);

/* Tells those that have closed. Not from inside happened(). */
void pollers_tell_closed(struct pollers *all);

/* Takes over fd, or none (-1). */
void poller_open(struct pollers *all, struct poller *w, int fd);

/* 0: nothing at all. An errno if the kernel cannot. */
int poller_for(struct pollers *all, struct poller *w, uint32_t events);

/* As poller_close(), but fd stays open and is the caller's. */
int poller_release(struct pollers *all, struct poller *w);

/* Closes fd. Nothing is called any more but closed(), by pollers_tell_closed(). */
void poller_close(struct pollers *all, struct poller *w);

#endif
