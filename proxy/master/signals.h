/*
 * signals.h - signals as events of a loop.
 *
 * libuv's own are not used: they end the process when a pipe of libuv's fails once.
 */
#ifndef WLBPROXY_MASTER_SIGNALS_H
#define WLBPROXY_MASTER_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct error;

struct signals {
    uv_poll_t poll;
    sigset_t set;
    int fd; /* -1: not caught yet, or over */
    void (*caught)(void *owner, int number);
    void *owner;
};

/* Call it first of all: these signals wait until signals_catch(), and do not end the
 * process meanwhile. */
void signals_hold(const int *numbers, size_t count);

/* From now on they are blocked in all threads that begin later; spawn_process() unblocks
 * them. */
bool signals_catch(struct signals *s, uv_loop_t *loop, const int *numbers, size_t count,
    struct error *err);

/* Call it after the handle has closed. */
void signals_destroy(struct signals *s);

#endif
