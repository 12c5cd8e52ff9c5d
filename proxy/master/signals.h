/*
 * signals.h - the master's signals as events of its loop: HUP, TERM, INT, USR1, USR2,
 * CHLD.
 *
 * libuv's own are not used: they end the process when a pipe of libuv's fails once.
 */
#ifndef WLBPROXY_MASTER_SIGNALS_H
#define WLBPROXY_MASTER_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include <uv.h>

struct error;

struct signals {
    uv_poll_t poll;
    sigset_t set;
    int fd; /* -1: not caught yet, or over */
    void (*caught)(void *owner, int number);
    void *owner;
};

/* HUP, USR1 and USR2; 0 ends them. */
extern const int signals_early[];

/* Call it first of all: signals_early wait until signals_catch(). One that comes before
 * there is anything to reload must not end the process. */
void signals_hold(void);

/* From now on all of them are blocked in all threads that begin later; spawn_process()
 * unblocks all but those that it is told to hold. PIPE is ignored. */
bool signals_catch(struct signals *s, uv_loop_t *loop, struct error *err);

/* Call it after the handle has closed. */
void signals_destroy(struct signals *s);

#endif
