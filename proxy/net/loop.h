/*
 * loop.h - the event loop of one process, with what all its streams share.
 *
 * Each iteration: events are handled (reads, decryption, parsing, writes that only
 * append); then, just before waiting, in this order: every stream with unsent bytes sends
 * them in one system call; handshakes go on, for a bounded time (handshake_scheduler.h);
 * what those wrote is sent. Work that remains makes the next wait a zero wait: whatever
 * has come meanwhile is seen to first.
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
    /* Half of it makes 1 MB cost a fifth more CPU, twice as much saves nothing. */
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
    struct deadline handshakes_due; /* their next iteration, where one is to come */
    bool keys_used, events_seen; /* this turn */
    char *read_buffer; /* LOOP_READ_SIZE, ciphertext or plain: used up in one go */
    char *plain_buffer; /* LOOP_READ_SIZE, decrypted */
};

void loop_init(struct loop *loop);
void loop_destroy(struct loop *loop); /* after the last handle has closed */
void loop_run(struct loop *loop); /* until loop_stop() or nothing is left */
void loop_stop(struct loop *loop);

/* Monotonic ms, read once a turn. */
uint64_t loop_now(const struct loop *loop);

void loop_arm(struct loop *loop, struct deadline *d, uint64_t length_ms);

/* The next wait is none: something was left to do before it. */
void loop_again(struct loop *loop);

#endif
