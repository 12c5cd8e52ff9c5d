/*
 * loop.h - the event loop of one process, with what all its streams share.
 *
 * An iteration first handles events: reads, decryption, parsing, writes that only append.
 * Then, just before waiting, in this order: every stream with unsent bytes sends them in
 * one system call; handshakes continue, for a bounded time (handshake_scheduler.h); their
 * bytes are sent. Work that remains makes the next wait a zero wait, so that new events
 * are handled first.
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
    uv_prepare_t before_wait;
    uv_idle_t again; /* active while work remains: no wait */
    struct pollers pollers; /* all sockets */
    uv_timer_t timer; /* for the earliest deadline */
    uint64_t timer_due; /* UINT64_MAX: not running */
    struct deadlines deadlines;
    struct list unflushed; /* struct stream.unflushed */
    struct list to_tell; /* struct stream.told_later */
    struct handshake_scheduler handshakes;
    struct deadline handshakes_due; /* the deadline of their next iteration, if there is
                                     * one */
    bool keys_used, events_seen; /* in this iteration */
    unsigned lines_waited; /* iterations in which lines of the access log have waited */
    char *read_buffer; /* LOOP_READ_SIZE, ciphertext or plain: consumed before the next
                        * read */
    char *plain_buffer; /* LOOP_READ_SIZE, decrypted */
};

void loop_init(struct loop *loop);
void loop_destroy(struct loop *loop); /* after the last handle has closed */
void loop_run(struct loop *loop); /* until loop_stop() or nothing is left */
void loop_stop(struct loop *loop);

/* Monotonic ms, read once an iteration. */
uint64_t loop_now(const struct loop *loop);

void loop_arm(struct loop *loop, struct deadline *d, uint64_t length_ms);

/* The next wait is a zero wait, because work is left. */
void loop_again(struct loop *loop);

#endif
