/*
 * watchdog.h - tells the service manager in time that all is well (WATCHDOG=1, notify.h).
 */
#ifndef WLBPROXY_MASTER_WATCHDOG_H
#define WLBPROXY_MASTER_WATCHDOG_H

#include <stdbool.h>

#include <uv.h>

struct watchdog {
    uv_timer_t timer;
    bool (*is_well)(void *owner); /* false: the manager is not told, and ends us */
    void *owner;
};

void watchdog_init(struct watchdog *watchdog, uv_loop_t *loop);

/* Begins, if the manager wants it. `any_pid` as in notify_watchdog_interval(). */
void watchdog_begin(struct watchdog *watchdog, bool any_pid);

#endif
