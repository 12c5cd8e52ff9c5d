#include "proxy/net/loop.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/net/stream_iteration.h"

/* Does the work that the last events left: the bytes that they wrote to one peer leave in
 * one system call. Returns whether work remains. */
static bool work(struct loop *loop)
{
    bool quiet = !loop->events_seen;

    loop->events_seen = false;
    bool more = streams_iterate(loop, quiet);
    if (handshake_scheduler_held(&loop->handshakes) == 0)
        engine_flush();
    /* Keys are made in advance only in an iteration that had nothing else to do. */
    if (!more && engine_may_refill())
        more = !quiet || engine_refill();
    return more;
}

/* ---- deadlines ---- */

/* Most deadlines are re-armed before they are due, so that the soonest may be none. */
static void expire_deadlines(struct loop *loop)
{
    if (loop_now(loop) >= loop->deadlines.soonest)
        (void)deadlines_expire(&loop->deadlines, loop_now(loop));
}

/* ---- waiting ---- */

/* Returns how long libuv may wait, in ms; -1: it has nothing to do. */
static int wait_of_libuv(const struct loop *loop)
{
    return uv_loop_alive(&loop->uv) ? uv_backend_timeout(&loop->uv) : -1;
}

static int wait_of_deadlines(const struct loop *loop)
{
    uint64_t now = loop_now(loop), due = loop->deadlines.soonest;

    if (due == UINT64_MAX)
        return -1;
    if (due <= now)
        return 0;
    return due - now < INT_MAX ? (int)(due - now) : INT_MAX;
}

static int shorter(int one, int other)
{
    return one < 0 || (other >= 0 && other < one) ? other : one;
}

static bool is_over(const struct loop *loop)
{
    return loop->stopped || (loop->pollers.open == 0 && !uv_loop_alive(&loop->uv));
}

void loop_iterate(struct loop *loop, bool may_wait)
{
    expire_deadlines(loop);
    bool more = work(loop) || is_over(loop);
    int wait = shorter(wait_of_libuv(loop), wait_of_deadlines(loop));

    pollers_wait(&loop->pollers, may_wait && !more ? wait : 0,
        handshake_scheduler_held(&loop->handshakes));
    uv_update_time(&loop->uv);
    if (pollers_report(&loop->pollers) || wait_of_libuv(loop) == 0)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void on_handshakes_due(struct deadline *due)
{
    (void)due; /* it only has to start an iteration */
}

void loop_init(struct loop *loop)
{
    *loop = (struct loop){.deadlines.soonest = UINT64_MAX};
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv) != 0)
        abort();
    pollers_init(&loop->pollers, uv_backend_fd(&loop->uv));
    list_init(&loop->unflushed);
    list_init(&loop->to_tell);
    handshake_scheduler_init(&loop->handshakes, &stream_handshake_environment);
    deadline_init(&loop->handshakes_due, on_handshakes_due);
    loop->read_buffer = memory_raw(LOOP_READ_SIZE);
    loop->plain_buffer = memory_raw(LOOP_READ_SIZE);
}

void loop_destroy(struct loop *loop)
{
    int left = uv_loop_close(&loop->uv);
    assert(left == 0);
    pollers_destroy(&loop->pollers);
    deadlines_destroy(&loop->deadlines);
    free(loop->read_buffer);
    free(loop->plain_buffer);
}

void loop_run(struct loop *loop)
{
    while (!is_over(loop))
        loop_iterate(loop, true);
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
