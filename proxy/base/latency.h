/*
 * latency.h - a histogram of durations: counts by upper bounds, as in Prometheus.
 */
#ifndef WLBPROXY_BASE_LATENCY_H
#define WLBPROXY_BASE_LATENCY_H

#include <stdint.h>

enum { LATENCY_BOUNDS = 16 };

/* ms; a duration is counted under the first bound that it does not exceed. */
extern const uint64_t latency_bounds[LATENCY_BOUNDS];

/* All members are uint64_t, because counters are summed as an array. */
struct latency {
    uint64_t counts[LATENCY_BOUNDS + 1]; /* the last one: above all bounds */
    uint64_t sum; /* ms */
};

void latency_add(struct latency *latency, uint64_t ms);

#endif
