/*
 * handshake_scheduler.h - which TLS handshake gets the CPU next.
 *
 * It alone decides that. It knows no socket, no stream and no key: a stream says when its
 * handshake is ready to go on and what it waits for otherwise, the loop says when a
 * handshake may go on, and the environment does the work and tells the time.
 *
 * A client is verified when its ClientHello was answered, or when its source or its
 * fingerprint (client_hello_fingerprint.h) has a good completion rate: priority class 0.
 * In each iteration verified clients go on first, for a slice of time. Unverified clients
 * follow, for as long as their CPU budget is not exhausted: while others are served they
 * get no more than half of the time. A starvation guard lets one go on now and then all
 * the same. ClientHellos are answered until a batch of key operations is full. A batch
 * runs when it is full, or when nothing is on its way to join it.
 */
#ifndef WLBPROXY_NET_HANDSHAKE_SCHEDULER_H
#define WLBPROXY_NET_HANDSHAKE_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/list.h"
#include "proxy/net/client_hello_fingerprint.h"

enum { HANDSHAKE_PRIORITIES = 3 }; /* classes of ClientHellos: 0 is answered first */

enum handshake_wait {
    HANDSHAKE_IS_RUNNING, /* or has not begun, or is over */
    HANDSHAKE_AWAITS_PEER,
    HANDSHAKE_AWAITS_CPU,
    HANDSHAKE_AWAITS_KEYS, /* a key operation, in a batch or by the signer */
};

/* Embedded in its owner; the fields are the scheduler's own. */
struct scheduled_handshake {
    struct list link; /* in the list that `waits` says */
    uint64_t ready_at; /* ns: AWAITS_CPU since then */
    uint64_t peers_turn; /* ns: since when the peer has to go on */
    uint16_t fingerprint; /* 0: nobody asked */
    uint8_t priority; /* of its ClientHello */
    uint8_t waits; /* enum handshake_wait */
    bool answered; /* its ClientHello was */
    bool completed;
};

/* Static, or lives as long as the scheduler. */
struct handshake_environment {
    uint64_t (*now)(void); /* ns, monotonic, not near 0 */
    /* Goes on as far as it can. `urgent`: its key operations are done before others'. It
     * says what it waits for by one of the functions below, or is over. */
    void (*run)(struct scheduled_handshake *h, bool urgent);
    bool (*keys_are_ready)(const struct scheduled_handshake *h);
    /* The signer has answered since this was asked last; it has enough to do for now. */
    bool (*signatures_came)(void);
    bool (*signer_is_busy)(void);
    /* Key operations that wait for a batch; and most of one kind. run_batch() does some.
     */
    size_t (*operations)(bool urgent_only);
    size_t (*fullest_batch)(bool urgent_only);
    void (*run_batch)(bool urgent_only);
};

struct handshake_scheduler {
    const struct handshake_environment *environment;
    struct list hellos[HANDSHAKE_PRIORITIES];
    struct list answered, keys_ready; /* of verified and of unverified clients */
    struct list awaiting_keys, awaiting_peer;
    struct fingerprints fingerprints;
    uint32_t awaiting_peer_count;
    unsigned picks; /* of a ClientHello of an unverified client, ever */
    unsigned gathered; /* iterations in a row in which a batch waited for more */
    bool serving; /* in this iteration verified clients are */
    uint64_t served_at; /* ns: the last time they were */
    uint64_t budget_exhausted_until; /* ns */
    uint64_t unverified_ran_at; /* ns */
    uint64_t hold_until; /* ns: operations of unverified clients wait; 0: they do not */
};

void handshake_scheduler_init(
    struct handshake_scheduler *hs, const struct handshake_environment *environment);

/* The life of a handshake. Its peer is awaited from now on, unless it waits for something
 * else already. */
void handshake_accepted(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_awaits_peer(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* Bytes have come. No-op while it waits for CPU or keys. */
void handshake_is_ready(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_awaits_keys(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* From here on what is left is up to the peer. */
void handshake_answered(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_completed(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* Its end, completed or not: it is in no list any more. May be said twice. */
void handshake_over(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* It failed, or is to be closed, but its connection is still there. */
void handshake_stops_awaiting_peer(
    struct handshake_scheduler *hs, struct scheduled_handshake *h);

/* Its first bytes: a fingerprint with a good completion rate raises its priority. */
void handshake_recognise(struct handshake_scheduler *hs, struct scheduled_handshake *h,
    const unsigned char *bytes, size_t len);
bool handshake_is_verified(const struct scheduled_handshake *h);
bool handshake_may_read(const struct scheduled_handshake *h); /* nothing of ours waits */

/* Verified clients are served in this iteration, by what else the loop does. */
void handshake_scheduler_served(struct handshake_scheduler *hs);
/* Other work for unverified clients, as accepting them, that began at `began`. */
void cpu_budget_charge(struct handshake_scheduler *hs, uint64_t began);
bool cpu_budget_exhausted(const struct handshake_scheduler *hs);

/* One iteration. quiet: no event came since the last one. */
void handshake_scheduler_run(struct handshake_scheduler *hs, bool quiet);
/* ms until the next one is due: 0 if there is work left; UINT64_MAX: never by itself. */
uint64_t handshake_scheduler_wait(const struct handshake_scheduler *hs);

/* For what is to be shed. The peers that have been awaited for longest come first: the
 * next after `h`, or the first; NULL: no more. */
struct scheduled_handshake *handshake_next_awaiting_peer(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h);
/* ms since it was accepted, or answered; half a ClientHello is no progress. */
uint64_t handshake_awaiting_peer_ms(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h);
/* ms that the ClientHello has waited that has waited for longest, of the first so many
 * classes; and the first in line of the last class that has one, if that is not 0. */
uint64_t handshake_longest_wait_ms(
    const struct handshake_scheduler *hs, unsigned priorities);
struct scheduled_handshake *handshake_lowest_priority(
    const struct handshake_scheduler *hs);

#endif
