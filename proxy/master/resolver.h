/*
 * resolver.h - the names in `connect` are resolved again every resolve_interval, and what
 * has changed is told to the workers: no generation of its own, and no connection ends.
 *
 * A helper (helper.h) asks the resolver, and a thread waits for it, so that a name server
 * that does not answer holds up neither supervision nor a reload. A name that cannot be
 * resolved keeps the addresses that are known, and is tried again sooner.
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
    struct reload *reload; /* whose current plan is kept up to date */
    struct supervisor *supervisor;
    uv_timer_t timer;
    struct task_queue tasks;
    struct work work;
    struct lookup *lookups; /* one for each name; the thread's while it is busy */
    size_t count;
    struct identity identity; /* whom the helper becomes */
    enum { RESOLVER_IDLE, RESOLVER_BUSY, RESOLVER_STOPPED } state;
};

void resolver_init(struct resolver *resolver, uv_loop_t *loop, struct reload *reload,
    struct supervisor *supervisor);

/* A plan has been committed, or was found to be the current one: begins anew. */
void resolver_begin(struct resolver *resolver);

/* A worker has committed the current release, which may be older than the addresses. */
void resolver_tell(struct resolver *resolver, struct child *child);

void resolver_stop(struct resolver *resolver);

/* False: the thread does not end, and nothing of this may be freed. */
bool resolver_end(struct resolver *resolver);

#endif
