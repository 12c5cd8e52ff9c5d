#include "proxy/net/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/net/stream_iteration.h"

enum { LINES_ENOUGH = 16, LINES_WAIT_MAX = 16 /* iterations */ };

/* Lines of the access log leave many at a time, for each datagram costs the master as
 * much as some lines do. Returns whether they wait for the next iteration, which may be
 * quiet.
 */
static bool lines_wait(struct loop *loop, bool quiet)
{
    const size_t count = access_log_gathered();

    if (count == 0)
        return false;
    if (!quiet && count < LINES_ENOUGH && ++loop->lines_waited < LINES_WAIT_MAX)
        return true;
    access_log_flush();
    loop->lines_waited = 0;
    return false;
}

/* Runs just before the loop waits for events: the bytes that the last events wrote to one
 * peer leave in one system call. A uv_check_t would run too early: bytes of callbacks
 * that libuv runs between it and the wait would be left until some other event. */
static void on_before_wait(uv_prepare_t *prepare)
{
    struct loop *loop = container_of(prepare, struct loop, before_wait);
    bool quiet = !loop->events_seen;

    loop->events_seen = false;
    bool more = streams_iterate(loop, quiet);
    engine_flush();
    /* Keys are made in advance only in an iteration that had nothing else to do. */
    if (!more && loop->keys_used) {
        if (quiet)
            loop->keys_used = engine_refill();
        more = loop->keys_used;
    }
    if (lines_wait(loop, quiet) || more)
        loop_again(loop);
    else
        uv_idle_stop(&loop->again);
}

static void on_handshakes_due(struct deadline *due)
{
    (void)due; /* it only has to start an iteration */
}

void loop_init(struct loop *loop)
{
    *loop = (struct loop){.timer_due = UINT64_MAX};
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop->uv) != 0)
        abort();
    uv_prepare_init(&loop->uv, &loop->before_wait);
    uv_idle_init(&loop->uv, &loop->again);
    pollers_init(&loop->pollers, &loop->uv);
    uv_timer_init(&loop->uv, &loop->timer);
    uv_prepare_start(&loop->before_wait, on_before_wait);
    uv_unref((uv_handle_t *)&loop->before_wait);
    uv_unref((uv_handle_t *)&loop->timer);
    list_init(&loop->unflushed);
    list_init(&loop->to_tell);
    handshake_scheduler_init(&loop->handshakes, &stream_handshake_environment);
    deadline_init(&loop->handshakes_due, on_handshakes_due);
    loop->read_buffer = memory_raw(LOOP_READ_SIZE);
    loop->plain_buffer = memory_raw(LOOP_READ_SIZE);
}

void loop_destroy(struct loop *loop)
{
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    pollers_close(&loop->pollers);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int left = uv_loop_close(&loop->uv);
    assert(left == 0);
    pollers_destroy(&loop->pollers);
    deadlines_destroy(&loop->deadlines);
    free(loop->read_buffer);
    free(loop->plain_buffer);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}
