/*
 * poller.h - one epoll set for all sockets of a loop, in which the loop waits.
 *
 * A uv_poll_t for each socket costs six system calls per connection, this costs two.
 * libuv's own epoll set is in it as one descriptor.
 * Level-triggered: bytes that a callback leaves unread are reported again, and so is a
 * socket whose read failed for a moment. One iteration of the loop takes at most
 * POLL_BATCH events.
 */
#ifndef WLBPROXY_NET_POLLER_H
#define WLBPROXY_NET_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "proxy/base/list.h"

enum {
    POLL_BATCH = 256,
    POLL_READ = EPOLLIN | EPOLLRDHUP | EPOLLPRI,
    POLL_WRITE = EPOLLOUT,
    POLL_ERROR = EPOLLONESHOT, /* errors only, and once: otherwise they would be reported
                                * for ever */
};

/* Embedded in its owner. */
struct poller {
    /* EPOLLIN, EPOLLERR, ...; also some that were asked for before the last
     * poller_for(). */
    void (*happened)(struct poller *p, uint32_t events);
    void (*closed)(struct poller *p);
    struct list closing;
    uint32_t wanted;
    uint32_t pending; /* events of this iteration that are still to be reported */
    int fd; /* -1: none */
};

/* Belongs to the loop. */
struct pollers {
    struct list closing; /* struct poller.closing */
    uint32_t open; /* the loop runs on while there are any */
    int epoll;
    int count; /* events that happened */
    struct epoll_event happened[POLL_BATCH];
};

void pollers_init(struct pollers *all, int libuv); /* the descriptor of its epoll set */
void pollers_destroy(struct pollers *all);

/* Waits until something happens, or for so many ms (-1: no limit), and for `most` ns at
 * most (0: no such limit); pollers_report() then calls happened(). It returns whether
 * libuv has events, too. */
void pollers_wait(struct pollers *all, int ms, uint64_t most);
bool pollers_report(struct pollers *all);

/* Calls closed() of the pollers that have closed. Not from inside happened(). */
void pollers_tell_closed(struct pollers *all);

/* Takes over fd, or none (-1). */
void poller_open(struct pollers *all, struct poller *p, int fd);

/* 0: no events at all. Returns an errno if the kernel fails. */
int poller_for(struct pollers *all, struct poller *p, uint32_t events);

/* Like poller_close(), but fd stays open and belongs to the caller. */
int poller_release(struct pollers *all, struct poller *p);

/* Closes fd. After that only closed() is called, by pollers_tell_closed(). */
void poller_close(struct pollers *all, struct poller *p);

#endif
