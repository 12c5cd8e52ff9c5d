#include "proxy/session/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/session/backend.h"

struct backend_pool {
    struct list idle;
    unsigned idle_count;
    bool retired;
    uint64_t bad_until[POOL_BACKENDS_MAX]; /* 0: in good standing */
};

struct backend_pool *pool_new(void)
{
    struct backend_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        abort();
    list_init(&pool->idle);
    return pool;
}

void pool_free(struct backend_pool *pool)
{
    if (pool == NULL)
        return;
    pool_retire(pool);
    free(pool);
}

bool pool_is_bad(const struct backend_pool *pool, int backend, uint64_t now)
{
    return now < pool->bad_until[backend];
}

static int choose(
    const struct backend_pool *pool, size_t count, uint64_t tried, uint64_t now, bool bad)
{
    for (size_t i = 0; i < count && i < POOL_BACKENDS_MAX; i++) {
        if ((tried >> i & 1) == 0 && pool_is_bad(pool, (int)i, now) == bad)
            return (int)i;
    }
    return POOL_NONE;
}

int pool_choose(
    const struct backend_pool *pool, size_t count, uint64_t tried, uint64_t now)
{
    int backend = choose(pool, count, tried, now, false);

    return backend != POOL_NONE ? backend : choose(pool, count, tried, now, true);
}

void pool_refused(
    struct backend_pool *pool, int backend, uint64_t retry_after, uint64_t now)
{
    pool->bad_until[backend] = now + retry_after;
}

void pool_answered(struct backend_pool *pool, int backend)
{
    pool->bad_until[backend] = 0;
}

bool pool_all_bad(const struct backend_pool *pool, size_t count, uint64_t now)
{
    return choose(pool, count, 0, now, false) == POOL_NONE;
}

void pool_put(struct backend_pool *pool, struct list *idle)
{
    assert(!pool->retired);
    list_append(&pool->idle, idle);
    pool->idle_count++;
}

void pool_forget(struct backend_pool *pool, struct list *idle)
{
    assert(!list_empty(idle) && pool->idle_count > 0);
    list_remove(idle);
    pool->idle_count--;
}

struct list *pool_take(struct backend_pool *pool)
{
    struct list *newest = pool->idle.prev;

    if (newest == &pool->idle)
        return NULL;
    pool_forget(pool, newest);
    return newest;
}

unsigned pool_idle(const struct backend_pool *pool)
{
    return pool->idle_count;
}

void pool_retire(struct backend_pool *pool)
{
    pool->retired = true;
    while (!list_empty(&pool->idle))
        backend_close_idle(pool->idle.next);
}

bool pool_is_retired(const struct backend_pool *pool)
{
    return pool->retired;
}
