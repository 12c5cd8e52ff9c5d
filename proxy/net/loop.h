/*
 * loop.h - the event loop of one process, with what all its streams share.
 *
 * An iteration begins where the last one's events have ended: every stream with unsent
 * bytes sends them in one system call; handshakes continue, for a bounded time
 * (handshake_scheduler.h); their bytes are sent. Then it waits, and handles events:
 * reads, decryption, parsing, writes that only append. Work that remains makes the wait a
 * zero wait, so that new events are handled first.
 *
 * It waits in the pollers' epoll set. libuv, which has the channels to other processes,
 * is one descriptor of that set and runs only when it has something to do.
 */
#ifndef WLBPROXY_NET_LOOP_H
#define WLBPROXY_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/net/deadline.h"
#include "proxy/net/handshake_scheduler.h"
#include "proxy/net/poller.h"

enum {
    /* Half of it makes 1 MB cost a fifth more CPU; twice as much saves nothing. */
    LOOP_READ_SIZE = 128 * 1024,
};

struct loop {
    uv_loop_t uv;
    struct pollers pollers; /* all sockets */
    struct deadlines deadlines;
    struct list unflushed; /* struct stream.unflushed */
    struct list to_tell; /* struct stream.told_later */
    struct handshake_scheduler handshakes;
    struct deadline handshakes_due; /* the deadline of their next iteration, if there is
                                     * one */
    bool events_seen; /* in this iteration */
    bool stopped;
    char *read_buffer; /* LOOP_READ_SIZE, ciphertext or plain: consumed before the next
                        * read */
    char *plain_buffer; /* LOOP_READ_SIZE, decrypted */
};

void loop_init(struct loop *loop);
void loop_destroy(struct loop *loop); /* after the last handle has closed */
void loop_run(struct loop *loop); /* until loop_stop() or nothing is left */
void loop_stop(struct loop *loop);
/* One iteration, which waits for the next event or deadline if it may; for tests. */
void loop_iterate(struct loop *loop, bool may_wait);

/* Monotonic ms, read once an iteration. */
static inline uint64_t loop_now(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

static inline void loop_arm(struct loop *loop, struct deadline *d, uint64_t length_ms)
{
    deadlines_arm(&loop->deadlines, d, length_ms, loop_now(loop));
}

#endif
