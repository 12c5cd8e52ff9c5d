/*
 * pool.h - what a service knows of its backends: which of them lately refused, and the
 * connections that wait for another request.
 *
 * Pure bookkeeping: opens and closes nothing but the idle connections it is told to give
 * up.
 */
#ifndef WLBPROXY_SESSION_POOL_H
#define WLBPROXY_SESSION_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/list.h"

struct backend_pool;

enum { POOL_BACKENDS_MAX = 64, POOL_NONE = -1 };

struct backend_pool *pool_new(void);
void pool_free(struct backend_pool *pool); /* closes the idle connections */

/* The next backend to try, in the order written: those in good standing first, then, as a
 * last resort, those that refused within `retry_after`. `tried` has a bit for each that
 * this request has been at. POOL_NONE when there is none left. */
int pool_choose(
    const struct backend_pool *pool, size_t count, uint64_t tried, uint64_t now);

void pool_refused(
    struct backend_pool *pool, int backend, uint64_t retry_after, uint64_t now);
void pool_answered(struct backend_pool *pool, int backend);

/* True while every one of the `count` backends is passed over. */
bool pool_all_bad(const struct backend_pool *pool, size_t count, uint64_t now);
bool pool_is_bad(const struct backend_pool *pool, int backend, uint64_t now);

/* Idle connections, by a link of their own; the newest is taken first. */
void pool_put(struct backend_pool *pool, struct list *idle);
struct list *pool_take(struct backend_pool *pool); /* NULL if none */
void pool_forget(struct backend_pool *pool, struct list *idle);
unsigned pool_idle(const struct backend_pool *pool);

/* Keeps no idle connections from now on: its generation is no longer the current one. */
void pool_retire(struct backend_pool *pool);
bool pool_is_retired(const struct backend_pool *pool);

#endif
