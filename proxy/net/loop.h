/*
 * loop.h - the event loop of one process: what all its streams share. iteration.h runs
 * it.
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
