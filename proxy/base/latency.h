/*
 * latency.h - how long things took: counts by upper bounds, as Prometheus has them.
 */
#ifndef WLBPROXY_BASE_LATENCY_H
#define WLBPROXY_BASE_LATENCY_H

#include <stdint.h>

enum { LATENCY_BOUNDS = 16 };

/* ms; what took no longer than one is counted there. */
extern const uint64_t latency_bounds[LATENCY_BOUNDS];

/* Nothing but uint64_t: counters add it up as an array. */
struct latency {
    uint64_t counts[LATENCY_BOUNDS + 1]; /* the last: longer than all bounds */
    uint64_t sum; /* ms */
};

void latency_add(struct latency *latency, uint64_t ms);

#endif
