/*
 * signing_stats.h - the signer's counters, as it answers the master. Pure encoding.
 */
#ifndef WLBPROXY_IPC_SIGNING_STATS_H
#define WLBPROXY_IPC_SIGNING_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIGNING_WORKERS_MAX = 512, SIGNING_STATS_BYTES = 64 + SIGNING_WORKERS_MAX * 32 };

struct signing_worker_stats {
    uint32_t slot, queued;
    uint64_t signatures;
    uint64_t refused; /* the key or scheme is unknown, or the digest does not fit it */
    uint64_t over_quota; /* times that its requests had to wait for room in its queue */
};

struct signing_stats {
    uint64_t signatures, refused;
    uint32_t per_second; /* over the last seconds */
    uint32_t queued, queued_peak;
    uint32_t keys;
    uint64_t lanes_offered, lanes_used; /* of all batches; see operations_lanes() */
    struct signing_worker_stats workers[SIGNING_WORKERS_MAX];
    uint32_t worker_count;
};

/* Writes at most SIGNING_STATS_BYTES, and returns how many. */
size_t signing_stats_encode(
    const struct signing_stats *stats, char *bytes, size_t capacity);
bool signing_stats_decode(struct signing_stats *stats, const char *bytes, size_t len);

#endif
