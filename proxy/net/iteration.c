#include "proxy/net/iteration.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "proxy/base/memory.h"
#include "proxy/crypto/engine.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum {
    FLUSH_ROUNDS = 3, /* drained() may write more: that must not wait, nor continue for
                       * ever */
};

/* ---- handshakes ---- */

static struct stream *stream_of(const struct scheduled_handshake *h)
{
    return container_of(h, struct stream, handshake);
}

static void go_on(struct scheduled_handshake *h, bool urgent)
{
    struct stream *s = stream_of(h);

    if (s->tls != NULL)
        tls_set_urgent(s->tls, urgent);
    if (s->tls == NULL || !tls_awaits_keys(s->tls))
        stream_read(s);
    else
        stream_decrypt(s);
    stream_await_peer(s);
    stream_touch(s); /* to be read from again: more may have come meanwhile */
}

static bool keys_are_ready(const struct scheduled_handshake *h)
{
    return tls_keys_are_ready(stream_of(h)->tls);
}

static size_t operations(bool urgent_only)
{
    return urgent_only ? engine_pending_urgent() : engine_pending();
}

static void run_batch(bool urgent_only)
{
    (void)(urgent_only ? engine_run_urgent() : engine_run());
}

static const struct handshake_environment environment = {
    .now = uv_hrtime,
    .run = go_on,
    .keys_are_ready = keys_are_ready,
    .signatures_came = engine_signatures_came,
    .signer_is_busy = engine_signer_is_busy,
    .operations = operations,
    .fullest_batch = engine_fullest,
    .run_batch = run_batch,
    .costly = engine_costly,
};

/* ---- what the last events left ---- */

/* Moves all of `from`, so that streams added meanwhile wait for the next round. */
static void move_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    list_init(from);
}

static void tell_all(struct loop *loop)
{
    struct list now, *node;

    move_all(&loop->to_tell, &now);
    while ((node = list_take(&now)) != NULL)
        stream_tell(container_of(node, struct stream, told_later));
}

static void flush_all(struct loop *loop)
{
    for (int round = 0; round < FLUSH_ROUNDS && !list_empty(&loop->unflushed); round++) {
        struct list now, *node;

        move_all(&loop->unflushed, &now);
        while ((node = list_take(&now)) != NULL)
            stream_flush(container_of(node, struct stream, unflushed));
    }
}

/* quiet: no event came since the last one. Returns whether work was left for the next
 * iteration; a later one is armed. */
static bool run_streams(struct loop *loop, bool quiet)
{
    /* Bytes written by the events do not wait for handshakes, which take milliseconds. */
    tell_all(loop);
    flush_all(loop);
    handshake_scheduler_run(&loop->handshakes, quiet);
    tell_all(loop); /* a backend on this machine is connected already */
    flush_all(loop);
    pollers_tell_closed(&loop->pollers);

    uint64_t wait = handshake_scheduler_wait(&loop->handshakes);
    if (wait > 0 && wait < UINT64_MAX && !deadline_is_armed(&loop->handshakes_due))
        loop_arm(loop, &loop->handshakes_due, wait);
    return wait == 0 || !list_empty(&loop->to_tell) || !list_empty(&loop->unflushed);
}

/* Does the work that the last events left: the bytes that they wrote to one peer leave in
 * one system call. Returns whether work remains. */
static bool work(struct loop *loop)
{
    bool quiet = !loop->events_seen;

    loop->events_seen = false;
    bool more = run_streams(loop, quiet);
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
    handshake_scheduler_init(&loop->handshakes, &environment);
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
