/*
 * handshake_scheduler.h - decides which TLS handshake gets the CPU next.
 *
 * It knows no socket, no stream and no key. A stream tells when its handshake is ready to
 * continue and what it waits for otherwise; the loop tells when a handshake may continue;
 * the environment does the work and tells the time.
 *
 * A client is verified when its ClientHello was answered, or when its source or its
 * fingerprint (client_hello_fingerprint.h) has a good completion rate: priority class 0.
 * In each iteration verified clients continue first, for a slice of time. Unverified
 * clients follow while their CPU budget is not exhausted: while others are served they
 * get no more than half of the time. A starvation guard lets one continue now and then
 * all the same. ClientHellos are answered until a batch of key operations is full. A
 * batch runs when it is full, or when no other operation is on its way to it. With
 * batch_hold it may wait so long for the operations of handshakes that are under way.
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
    HANDSHAKE_IS_RUNNING, /* or it has not begun, or is over */
    HANDSHAKE_AWAITS_PEER,
    HANDSHAKE_AWAITS_CPU,
    HANDSHAKE_AWAITS_KEYS, /* a key operation, in a batch or by the signer */
};

/* Embedded in its owner; the fields are the scheduler's own. */
struct scheduled_handshake {
    struct list link; /* in the list that `waits` says */
    uint64_t ready_at; /* ns: AWAITS_CPU since then */
    uint64_t peer_awaited_since; /* ns: since when its peer is awaited */
    uint16_t fingerprint; /* 0: not computed */
    uint8_t priority; /* of its ClientHello */
    uint8_t waits; /* enum handshake_wait */
    bool answered; /* its ClientHello has been answered */
    bool completed;
};

/* Static, or lives as long as the scheduler. */
struct handshake_environment {
    uint64_t (*now)(void); /* ns, monotonic, not near 0 */
    /* Continues as far as it can. `urgent`: its key operations precede others. It reports
     * by one of the functions below what it waits for, or that it is over. */
    void (*run)(struct scheduled_handshake *h, bool urgent);
    bool (*keys_are_ready)(const struct scheduled_handshake *h);
    /* Returns whether the signer has answered since the last call, and whether it has
     * enough to do for now. */
    bool (*signatures_came)(void);
    bool (*signer_is_busy)(void);
    /* The numbers of key operations that wait for a batch: in all, and of the most
     * frequent kind. run_batch() runs some. */
    size_t (*operations)(bool urgent_only);
    size_t (*fullest_batch)(bool urgent_only);
    void (*run_batch)(bool urgent_only);
    /* Those operations for which a fuller batch is worth a wait, and those that wait for
     * their way to the signer. */
    size_t (*costly)(void);
};

struct handshake_scheduler {
    const struct handshake_environment *environment;
    struct list hellos[HANDSHAKE_PRIORITIES];
    struct list answered, keys_ready; /* of verified and of unverified clients */
    struct list awaiting_keys, awaiting_peer;
    struct fingerprints fingerprints;
    uint32_t awaiting_peer_count;
    unsigned picks; /* ClientHellos of unverified clients that were chosen, ever */
    unsigned gathered; /* iterations in a row in which a batch waited for more */
    bool serving; /* verified clients are served in this iteration */
    uint64_t served_at; /* ns: the last time they were */
    uint64_t budget_exhausted_until; /* ns */
    uint64_t unverified_ran_at; /* ns */
    uint64_t batch_hold; /* ns, set by the owner; 0: off */
    uint64_t held_until; /* ns: a batch waits for more until then; 0: none began to */
    bool holds; /* one waits in this iteration */
    uint64_t hold_until; /* ns: until then operations of unverified clients wait; 0: they
                          * do not */
};

void handshake_scheduler_init(
    struct handshake_scheduler *hs, const struct handshake_environment *environment);

/* The life of a handshake. From now on its peer is awaited, unless it waits for something
 * else already. */
void handshake_accepted(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_awaits_peer(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* Bytes have come. Does nothing while it waits for CPU or keys. */
void handshake_is_ready(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_awaits_keys(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* Our part is done: from now on only the peer has to act. */
void handshake_answered(struct handshake_scheduler *hs, struct scheduled_handshake *h);
void handshake_completed(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* It has ended, completed or not, and is in no list any more. May be called twice. */
void handshake_over(struct handshake_scheduler *hs, struct scheduled_handshake *h);
/* It failed, or will be closed, but its connection is still there. */
void handshake_stops_awaiting_peer(
    struct handshake_scheduler *hs, struct scheduled_handshake *h);

/* Its first bytes have come: a fingerprint with a good completion rate raises its
 * priority. */
void handshake_recognise(struct handshake_scheduler *hs, struct scheduled_handshake *h,
    const unsigned char *bytes, size_t len);
bool handshake_may_read(const struct scheduled_handshake *h); /* it waits for nothing of
                                                               * ours */

/* Other work of the loop serves verified clients in this iteration. */
void handshake_scheduler_served(struct handshake_scheduler *hs);
/* Charges other work for unverified clients, such as accepting them, that began at
 * `began`. */
void cpu_budget_charge(struct handshake_scheduler *hs, uint64_t began);
bool cpu_budget_exhausted(const struct handshake_scheduler *hs);

/* Runs one iteration. quiet: no event came since the last one. */
void handshake_scheduler_run(struct handshake_scheduler *hs, bool quiet);
/* Returns the ms until the next one is due: 0 if work is left; UINT64_MAX: an event must
 * come first. */
uint64_t handshake_scheduler_wait(const struct handshake_scheduler *hs);
/* Returns the ns for which batches, and requests to the signer, wait for more; 0: they do
 * not. */
uint64_t handshake_scheduler_held(const struct handshake_scheduler *hs);

/* Candidates for shedding: the handshakes whose peers have been awaited for longest come
 * first. Returns the next one after `h`, or the first; NULL: no more. */
struct scheduled_handshake *handshake_next_awaiting_peer(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h);
/* ms since it was accepted, or answered; half a ClientHello does not count as
 * progress. */
uint64_t handshake_awaiting_peer_ms(
    const struct handshake_scheduler *hs, const struct scheduled_handshake *h);
/* The first returns the ms that the oldest ClientHello in the first so many classes has
 * waited. The second returns the first in the queue of the last class, not class 0, that
 * has one. */
uint64_t handshake_longest_wait_ms(
    const struct handshake_scheduler *hs, unsigned priorities);
struct scheduled_handshake *handshake_lowest_priority(
    const struct handshake_scheduler *hs);

#endif
