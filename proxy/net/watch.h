/*
 * watch.h - one epoll set for all sockets of a loop, which libuv watches as one.
 *
 * A uv_poll_t for each socket costs six system calls per connection, this costs two.
 * Level-triggered: what a callback leaves unread, or a read that fails for a moment, is
 * told again. One turn of the loop takes at most WATCH_BATCH events.
 */
#ifndef WLBPROXY_NET_WATCH_H
#define WLBPROXY_NET_WATCH_H

#include <stdint.h>
#include <sys/epoll.h>

#include <uv.h>

#include "proxy/base/list.h"

enum {
    WATCH_BATCH = 256,
    WATCH_READ = EPOLLIN | EPOLLRDHUP | EPOLLPRI,
    WATCH_WRITE = EPOLLOUT,
    WATCH_ERROR = EPOLLONESHOT, /* nothing else; and once, or it would come for ever */
};

/* Embedded in its owner. */
struct watch {
    /* EPOLLIN, EPOLLERR, ...; also some that were asked for a moment ago. */
    void (*happened)(struct watch *w, uint32_t events);
    void (*closed)(struct watch *w);
    struct list closing;
    uint32_t wanted;
    uint32_t pending; /* came with this turn's events and will be told in it */
    int fd; /* -1: none */
};

/* Belongs to the loop. */
struct watches {
    uv_poll_t poll;
    struct list closing; /* struct watch.closing */
    uint32_t open;
    int epoll;
};

void watches_init(struct watches *all, uv_loop_t *uv);
void watches_close(struct watches *all); /* its handle; the rest is watches_destroy()'s */
void watches_destroy(struct watches *all);

/* Tells those that have closed. Not from inside happened(). */
void watches_tell_closed(struct watches *all);

/* Takes over fd, or none (-1). */
void watch_open(struct watches *all, struct watch *w, int fd);

/* 0: nothing at all. An errno if the kernel cannot. */
int watch_for(struct watches *all, struct watch *w, uint32_t events);

/* Closes fd. Nothing is called any more but closed(), by watches_tell_closed(). */
void watch_close(struct watches *all, struct watch *w);

#endif
