/*
 * loop.h - the event loop of one process, with what all its streams share.
 *
 * Each turn: events are handled (reads, decryption, parsing, writes that only append);
 * then, just before waiting, in this order: every stream with unsent bytes sends them in
 * one system call; handshakes go on, for a bounded time, those that were answered first;
 * key operations that gathered run as batches and their handshakes go on, unless events
 * still come in and more may join them within two turns; what those wrote is sent. Work
 * that remains makes the next wait a zero wait.
 */
#ifndef WLBPROXY_NET_LOOP_H
#define WLBPROXY_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/net/deadline.h"
#include "proxy/net/watch.h"

enum { LOOP_READ_SIZE = 64 * 1024 };

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_wait;
    uv_idle_t again; /* active while work remains: no wait */
    struct watches watches; /* all sockets */
    uv_timer_t timer; /* for the earliest deadline */
    uint64_t timer_due; /* UINT64_MAX: not running */
    struct deadlines deadlines;
    struct list unflushed; /* struct stream.unflushed */
    struct list handshakes; /* struct stream.queued: hellos wait for an answer */
    struct list answered; /* struct stream.queued: the rest of a handshake waits */
    struct list awaiting_keys; /* struct stream.queued: the engine works for them */
    struct list ready; /* struct stream.queued: something to tell the owner */
    unsigned gathering; /* turns in a row that key operations waited for others */
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
