/*
 * deadline.h - many timeouts, few lengths: those of one length share one list, in order,
 * so that arming is O(1), and one timer serves them all.
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
    unsigned expired; /* in this turn */
};

enum { DEADLINE_QUEUES_MAX = 256, DEADLINES_AT_ONCE = 8 };

/* Belongs to the loop. A pure structure: no libuv inside. */
struct deadlines {
    struct deadline_queue *queues[DEADLINE_QUEUES_MAX];
    unsigned count;
};

void deadline_init(struct deadline *d, void (*expired)(struct deadline *d));

/* (Re)arms: due `length` ms after `now`. Lengths that were never seen before get a queue;
 * beyond DEADLINE_QUEUES_MAX the nearest shorter one serves. */
void deadlines_arm(
    struct deadlines *all, struct deadline *d, uint64_t length, uint64_t now);
void deadline_disarm(struct deadline *d);
bool deadline_is_armed(const struct deadline *d);

/* Calls expired() for those that are due (each disarmed first), but for no more than
 * DEADLINES_AT_ONCE of one length: many whose time is up do not hold up the others.
 * Returns the ms until it is to be called again, 1 or more, or UINT64_MAX. */
uint64_t deadlines_expire(struct deadlines *all, uint64_t now);

void deadlines_destroy(struct deadlines *all);

#endif
