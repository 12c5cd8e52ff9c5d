#include "proxy/net/stream_iteration.h"

#include "proxy/crypto/engine.h"
#include "proxy/net/loop.h"
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

const struct handshake_environment stream_handshake_environment = {
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

/* ---- the iteration ---- */

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

bool streams_iterate(struct loop *loop, bool quiet)
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
