/*
 * loop.h - the event loop of one process, with what all its streams share.
 *
 * Each turn: events are handled (reads, decryption, parsing, writes that only append);
 * then, just before waiting, in this order: every stream with unsent bytes sends them in
 * one system call; handshakes go on, for a bounded time: those that were answered and
 * hellos of the first priority, then unverified clients', for a time that is shorter
 * where others were served in this turn, and no more hellos than make a batch of key
 * operations; such a batch runs when it is full, or when nothing is on its way to join
 * it, and some of its handshakes go on; what those wrote is sent. Work that remains makes
 * the next wait a zero wait: whatever has come meanwhile is seen to first.
 */
#ifndef WLBPROXY_NET_LOOP_H
#define WLBPROXY_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/net/client_hello_fingerprint.h"
#include "proxy/net/deadline.h"
#include "proxy/net/poller.h"

enum {
    /* Half of it makes 1 MB cost a fifth more CPU, twice as much saves nothing. */
    LOOP_READ_SIZE = 128 * 1024,
    LOOP_PRIORITIES = 3, /* of streams whose hellos wait: 0 is answered first */
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
    struct list hellos[LOOP_PRIORITIES]; /* struct stream.queued: wait for an answer */
    struct list answered; /* struct stream.queued: the rest of a handshake waits */
    struct list awaiting_keys; /* struct stream.queued: the engine works for them */
    struct list keys_done; /* struct stream.queued: it has */
    struct list awaiting_peer; /* struct stream.queued: the rest is the peer's to say */
    struct list ready; /* struct stream.queued: something to tell the owner */
    unsigned gathering; /* turns in a row that key operations waited for others */
    struct fingerprints fingerprints; /* of those that are not of the first priority */
    unsigned awaiting_peer_count; /* streams in `silent` */
    unsigned picks; /* of a hello, ever */
    bool
        serving; /* this turn: streams that are open, answered or of the first priority */
    bool holding; /* others' key operations, until `held` is due */
    struct deadline held;
    uint64_t served_at; /* ns: the last turn that did */
    uint64_t cpu_budget_exhausted_until; /* ns: see cpu_budget_charge() */
    uint64_t unverified_ran_at; /* ns: one of them went on */
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

/* Unverified clients, whose handshakes may be for nothing, get no more than half of the
 * time while others are served: what was spent on them is charged to their budget. Times in ns,
 * uv_hrtime().
 */
bool cpu_budget_recently_served(
    const struct loop *loop, uint64_t now); /* and will again, likely */
bool cpu_budget_exhausted(const struct loop *loop, uint64_t now);
void cpu_budget_charge(struct loop *loop, uint64_t began, uint64_t now);

/* The next wait is none: something was left to do before it. */
void loop_again(struct loop *loop);

#endif
