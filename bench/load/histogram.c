#include "bench/load/histogram.h"

/* Exact up to 64, then 64 buckets for each doubling. */
static unsigned bucket_of(uint64_t us)
{
    unsigned doublings;

    if (us < HISTOGRAM_STEPS)
        return (unsigned)us;
    doublings = (unsigned)(63 - __builtin_clzll(us)) - 6;
    return (doublings + 1) * HISTOGRAM_STEPS +
        (unsigned)((us >> doublings) - HISTOGRAM_STEPS);
}

static uint64_t value_of(unsigned bucket)
{
    unsigned doublings = bucket / HISTOGRAM_STEPS;

    if (doublings == 0)
        return bucket;
    return (uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) << (doublings - 1);
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
    unsigned bucket = bucket_of(us);

    histogram->buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1]++;
    histogram->count++;
    histogram->sum += us;
    if (us > histogram->max)
        histogram->max = us;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * percent / 100.0);
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > wanted)
            return value_of(i);
    }
    return histogram->max;
}
