/*
 * signals.h - signals as events of a loop.
 *
 * Not libuv's: that ends the process when a pipe of its own fails it once.
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

/* At once, when nothing else has been done yet: these wait until signals_catch(), and do
 * not end the process meanwhile. */
void signals_hold(const int *numbers, size_t count);

/* From now on: blocked for all threads that are begun later; spawn_process() unblocks. */
bool signals_catch(struct signals *s, uv_loop_t *loop, const int *numbers, size_t count,
    struct error *err);

/* After the handle's end. */
void signals_destroy(struct signals *s);

#endif
