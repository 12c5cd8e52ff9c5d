#include "proxy/net/stream_turn.h"

#include "proxy/crypto/engine.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/net/tls.h"

enum {
    HANDSHAKE_SLICE = 1000 * 1000, /* ns a turn may spend on new handshakes */
    KEYS_BATCH = 8, /* operations that are worth starting at once */
    KEYS_PATIENCE = 2, /* turns in a row that operations may wait for others */
    FLUSH_ROUNDS = 3, /* drained() may write, which must not wait, nor go on for ever */
};

static struct stream *take_queued(struct list *list)
{
    struct list *node = list_take(list);

    return node != NULL ? container_of(node, struct stream, queued) : NULL;
}

/* All of `from`, so that what is added meanwhile waits for the next round. */
static void move_all(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    list_init(from);
}

/* Who was answered has cost what it costs: it does not wait behind those who come. */
static struct stream *next_handshake(struct loop *loop)
{
    struct stream *s = take_queued(&loop->answered);

    return s != NULL ? s : take_queued(&loop->handshakes);
}

static bool no_handshakes(const struct loop *loop)
{
    return list_empty(&loop->answered) && list_empty(&loop->handshakes);
}

/* A flood of handshakes must not hold up those who are past it. */
static void run_handshakes(struct loop *loop)
{
    struct stream *s;

    if (no_handshakes(loop))
        return;
    uint64_t stop = uv_hrtime() + HANDSHAKE_SLICE;
    while ((s = next_handshake(loop)) != NULL) {
        stream_read(s);
        if (uv_hrtime() >= stop)
            break;
    }
}

static void tell_ready(struct loop *loop)
{
    struct list now;
    struct stream *s;

    move_all(&loop->ready, &now);
    while ((s = take_queued(&now)) != NULL)
        stream_tell(s);
}

/* A batch costs the same with one operation as with eight, and while events come in, more
 * of them may be on their way: another look at the sockets, without waiting, costs next
 * to nothing. A loop that saw nothing new runs what it has. */
static bool may_gather(struct loop *loop, bool quiet)
{
    size_t pending = engine_pending();

    if (quiet || pending == 0 || pending >= KEYS_BATCH ||
        loop->gathering >= KEYS_PATIENCE) {
        loop->gathering = 0;
        return false;
    }
    loop->gathering++;
    return true;
}

static void run_key_operations(struct loop *loop, bool quiet)
{
    struct list now;
    struct stream *s;

    if (list_empty(&loop->awaiting_keys) || may_gather(loop, quiet))
        return;
    engine_run();
    move_all(&loop->awaiting_keys, &now);
    while ((s = take_queued(&now)) != NULL) {
        if (!tls_keys_are_ready(s->tls)) {
            stream_queue(s, &loop->awaiting_keys);
            continue;
        }
        stream_decrypt(s);
        stream_touch(s); /* to be read from again: more may have come meanwhile */
    }
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

bool streams_turn(struct loop *loop, bool quiet)
{
    /* What the events wrote does not wait for handshakes, which take milliseconds. */
    tell_ready(loop);
    flush_all(loop);
    run_handshakes(loop);
    run_key_operations(loop, quiet);
    tell_ready(loop); /* a backend on this machine is connected already */
    flush_all(loop);
    watches_tell_closed(&loop->watches);
    return !no_handshakes(loop) || !list_empty(&loop->ready) ||
        !list_empty(&loop->awaiting_keys) || !list_empty(&loop->unflushed);
}
