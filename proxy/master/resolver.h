/*
 * resolver.h - resolves the names in `connect` again every resolve_interval, and sends
 * changes to the workers. That makes no generation, and ends no connection.
 *
 * A helper (helper.h) asks the resolver, and a thread waits for it, so that a slow name
 * server delays neither supervision nor a reload. A name that cannot be resolved keeps
 * its known addresses, and is tried again sooner.
 */
#ifndef WLBPROXY_MASTER_RESOLVER_H
#define WLBPROXY_MASTER_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "proxy/base/privileges.h"
#include "proxy/master/task_queue.h"

struct child;
struct lookup;
struct reload;
struct supervisor;

struct resolver {
    struct reload *reload; /* its current plan is kept up to date */
    struct supervisor *supervisor;
    uv_timer_t timer;
    struct task_queue tasks;
    struct work work;
    struct lookup *lookups; /* one for each name; they are the thread's while it is
                             * busy */
    size_t count;
    struct identity identity; /* the helper's account */
    enum { RESOLVER_IDLE, RESOLVER_BUSY, RESOLVER_STOPPED } state;
};

void resolver_init(struct resolver *resolver, uv_loop_t *loop, struct reload *reload,
    struct supervisor *supervisor);

/* A plan has been committed, or was found to be the current one: starts again. */
void resolver_begin(struct resolver *resolver);

/* A worker has committed the current release, which may be older than the addresses. */
void resolver_tell(struct resolver *resolver, struct child *child);

void resolver_stop(struct resolver *resolver);

/* False: the thread does not end, and nothing of this may be freed. */
bool resolver_end(struct resolver *resolver);

#endif
