#include "proxy/net/handshake_scheduler.h"

#include "proxy/crypto/engine.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum {
    SLICE = 300 * 1000, /* ns at a time: more, and who is past it feels the others' */
    SHORT_SLICE = 100 * 1000,
    STARVED = 20 * 1000 * 1000, /* ns without one step of a unverified client's */
    PENDING_HANDSHAKES_MANY = 64, /* handshakes that their peers do not go on with */
    HOLD = 8, /* ms that operations of unverified clients may be held back */
    KEYS_BATCH = 8, /* operations that are worth starting at once */
    GATHER_ITERATIONS_MAX = 2, /* turns in a row that operations may wait for others */
    GATHER_ITERATIONS_HELLOS = 8, /* the same while hellos wait that bring others */
    LOWEST_PRIORITY_EVERY =
        8, /* one hello in so many is of the last priority: it shall not starve */
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

static bool unverified_wait(const struct loop *loop)
{
    for (unsigned priority = 1; priority < LOOP_PRIORITIES; priority++)
        if (!list_empty(&loop->hellos[priority]))
            return true;
    return !list_empty(&loop->keys_done);
}

static bool verified_wait(const struct loop *loop)
{
    return !list_empty(&loop->answered) || !list_empty(&loop->hellos[0]);
}

/* Who was answered has cost what it costs: it does not wait behind those who come. Nor
 * does a hello wait for its keys behind those that came before it, but matter less. */
static struct stream *next_verified(struct loop *loop)
{
    struct stream *s = take_queued(&loop->answered);

    return s == NULL && engine_fullest(true) < KEYS_BATCH ? take_queued(&loop->hellos[0])
                                                          : s;
}

static struct stream *next_unverified(struct loop *loop)
{
    struct stream *s = take_queued(&loop->keys_done);

    if (s != NULL || engine_fullest(false) >= KEYS_BATCH || engine_signer_is_busy())
        return s;
    bool last_first = ++loop->picks % LOWEST_PRIORITY_EVERY == 0;
    for (unsigned priority = 1; priority < LOOP_PRIORITIES && s == NULL; priority++)
        s = take_queued(
            &loop->hellos[last_first ? LOOP_PRIORITIES - priority : priority]);
    return s;
}

static void go_on(struct stream *s)
{
    engine_hurry(stream_is_verified(s));
    if (s->tls == NULL || !tls_awaits_keys(s->tls))
        stream_read(s);
    else
        stream_decrypt(s);
    engine_hurry(false);
    stream_await_peer(s);
    stream_touch(s); /* to be read from again: more may have come meanwhile */
}

static void run_verified(struct loop *loop, uint64_t slice)
{
    struct stream *s = next_verified(loop);

    if (s == NULL)
        return;
    loop->serving = true;
    uint64_t stop = uv_hrtime() + slice;
    do {
        go_on(s);
    } while (uv_hrtime() < stop && (s = next_verified(loop)) != NULL);
}

/* The starvation guard: one proceeds now and then on an exhausted budget: accepting alone may use up all of their time.
 */
static bool unverified_may_proceed(const struct loop *loop, uint64_t now)
{
    return !cpu_budget_exhausted(loop, now) || now - loop->unverified_ran_at >= STARVED;
}

static void run_unverified(struct loop *loop, uint64_t slice)
{
    struct stream *s;
    uint64_t began = uv_hrtime(), now = began;

    while (unverified_may_proceed(loop, now) && now - began < slice &&
        (s = next_unverified(loop)) != NULL) {
        uint64_t before = now;

        go_on(s);
        now = loop->unverified_ran_at = uv_hrtime();
        cpu_budget_charge(loop, before, now);
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
    bool more =
        verified_wait(loop) || (unverified_wait(loop) && engine_pending_urgent() == 0);
    unsigned retry_timer = more ? GATHER_ITERATIONS_HELLOS
        : quiet                 ? 0
                                : GATHER_ITERATIONS_MAX;

    if (engine_pending() == 0 || engine_fullest(false) >= KEYS_BATCH ||
        loop->gathering >= retry_timer) {
        loop->gathering = 0;
        return false;
    }
    loop->gathering++;
    return true;
}

/* Where many handshakes stand still, most of what unverified clients have us do is for
 * nothing: then it is done as cheaply as can be, while anybody is about who would feel
 * it. */
static bool may_hold(struct loop *loop)
{
    bool hold = engine_pending() > 0 && engine_fullest(false) < KEYS_BATCH &&
        loop->awaiting_peer_count >= PENDING_HANDSHAKES_MANY &&
        cpu_budget_recently_served(loop, uv_hrtime());

    if (hold && !loop->holding)
        loop_arm(loop, &loop->held, HOLD);
    else if (!hold)
        deadline_disarm(&loop->held);
    loop->holding = hold && deadline_is_armed(&loop->held);
    return loop->holding;
}

static void sort_by_keys(struct loop *loop)
{
    struct list now;
    struct stream *s;

    move_all(&loop->awaiting_keys, &now);
    while ((s = take_queued(&now)) != NULL) {
        if (!tls_keys_are_ready(s->tls))
            stream_queue(s, &loop->awaiting_keys);
        else if (stream_is_verified(s))
            stream_queue(s, &loop->answered);
        else
            stream_queue(s, &loop->keys_done);
    }
}

/* Whether any ran. */
static bool run_batches(struct loop *loop, bool quiet)
{
    uint64_t now = uv_hrtime();
    bool urgent = engine_pending_urgent() > 0, hold = may_hold(loop);

    if (!urgent && (hold || !unverified_may_proceed(loop, now)))
        return false;
    if (may_gather(loop, quiet))
        return false;
    (void)(hold ? engine_run_urgent() : engine_run());
    if (!urgent)
        cpu_budget_charge(loop, now, uv_hrtime());
    return true;
}

static void run_key_operations(struct loop *loop, bool quiet)
{
    if (engine_pending() == 0 || !run_batches(loop, quiet))
        return;
    sort_by_keys(loop);
    run_verified(loop, SHORT_SLICE);
    run_unverified(loop, SHORT_SLICE);
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

bool handshake_scheduler_run(struct loop *loop, bool quiet)
{
    /* What the events wrote does not wait for handshakes, which take milliseconds. */
    tell_ready(loop);
    flush_all(loop);
    if (engine_signatures_came())
        sort_by_keys(loop);
    run_verified(loop, SLICE);
    if (loop->serving)
        loop->served_at = uv_hrtime();
    run_unverified(loop, SLICE);
    run_key_operations(loop, quiet);
    tell_ready(loop); /* a backend on this machine is connected already */
    loop->serving = false;
    flush_all(loop);
    pollers_tell_closed(&loop->pollers);
    return verified_wait(loop) || unverified_wait(loop) || !list_empty(&loop->ready) ||
        (engine_pending() > 0 && (!loop->holding || engine_pending_urgent() > 0)) ||
        !list_empty(&loop->unflushed);
}
