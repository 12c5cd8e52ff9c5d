/*
 * histogram.h - latencies in microseconds, counted in buckets of 1/64 of their value:
 * percentiles are right to 1.6 %, the maximum exactly.
 */
#ifndef WLBPROXY_BENCH_LOAD_HISTOGRAM_H
#define WLBPROXY_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = 40 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t count, max, sum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t us);
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
