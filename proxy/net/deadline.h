/*
 * deadline.h - many timeouts of few lengths: those of one length share a sorted list, so
 * that arming is O(1), and one timer serves them all.
 */
#ifndef WLBPROXY_NET_DEADLINE_H
#define WLBPROXY_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/list.h"

struct deadline {
    struct list link;
    uint64_t due; /* ms, monotonic; meaningful while armed */
    void (*expired)(struct deadline *deadline);
};

/* One length of time. */
struct deadline_queue {
    struct list armed; /* struct deadline.link, earliest first */
    uint64_t length; /* ms */
    unsigned expired; /* in this iteration */
};

enum { DEADLINE_QUEUES_MAX = 256, DEADLINES_AT_ONCE = 8 };

/* Belongs to the loop. A pure structure, without libuv. */
struct deadlines {
    struct deadline_queue *queues[DEADLINE_QUEUES_MAX];
    unsigned count;
    uint64_t soonest; /* no deadline is due before it; UINT64_MAX: none is armed */
};

void deadline_init(struct deadline *d, void (*expired)(struct deadline *d));

/* (Re)arms: due `length` ms after `now`. A new length gets a queue; beyond
 * DEADLINE_QUEUES_MAX it shares the queue of the nearest shorter one. */
void deadlines_arm(
    struct deadlines *all, struct deadline *d, uint64_t length, uint64_t now);
void deadline_disarm(struct deadline *d);
bool deadline_is_armed(const struct deadline *d);

/* Calls expired() for the deadlines that are due (each is disarmed first), but for at
 * most DEADLINES_AT_ONCE of one length, so that many of them do not delay the others.
 * Returns the ms until the next call, 1 or more, or UINT64_MAX. */
uint64_t deadlines_expire(struct deadlines *all, uint64_t now);

void deadlines_destroy(struct deadlines *all);

#endif
