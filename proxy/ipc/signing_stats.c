#include "proxy/ipc/signing_stats.h"

#include <string.h>

#include "proxy/ipc/wire.h"

enum { WORKER_BYTES = 32 };

size_t signing_stats_encode(
    const struct signing_stats *stats, char *bytes, size_t capacity)
{
    struct wire_writer w = {.bytes = bytes, .capacity = capacity};

    wire_put_u64(&w, stats->signatures);
    wire_put_u64(&w, stats->refused);
    wire_put_u32(&w, stats->per_second);
    wire_put_u32(&w, stats->queued);
    wire_put_u32(&w, stats->queued_peak);
    wire_put_u32(&w, stats->keys);
    wire_put_u64(&w, stats->lanes_offered);
    wire_put_u64(&w, stats->lanes_used);
    wire_put_u32(&w, stats->worker_count);
    for (uint32_t i = 0; i < stats->worker_count; i++) {
        wire_put_u32(&w, stats->workers[i].slot);
        wire_put_u32(&w, stats->workers[i].queued);
        wire_put_u64(&w, stats->workers[i].signatures);
        wire_put_u64(&w, stats->workers[i].refused);
        wire_put_u64(&w, stats->workers[i].over_quota);
    }
    return w.len;
}

bool signing_stats_decode(struct signing_stats *stats, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};

    memset(stats, 0, sizeof(*stats));
    stats->signatures = wire_get_u64(&r);
    stats->refused = wire_get_u64(&r);
    stats->per_second = wire_get_u32(&r);
    stats->queued = wire_get_u32(&r);
    stats->queued_peak = wire_get_u32(&r);
    stats->keys = wire_get_u32(&r);
    stats->lanes_offered = wire_get_u64(&r);
    stats->lanes_used = wire_get_u64(&r);
    stats->worker_count = (uint32_t)wire_get_count(&r, WORKER_BYTES);
    if (stats->worker_count > SIGNING_WORKERS_MAX)
        r.failed = true;
    for (uint32_t i = 0; i < stats->worker_count && !r.failed; i++) {
        stats->workers[i].slot = wire_get_u32(&r);
        stats->workers[i].queued = wire_get_u32(&r);
        stats->workers[i].signatures = wire_get_u64(&r);
        stats->workers[i].refused = wire_get_u64(&r);
        stats->workers[i].over_quota = wire_get_u64(&r);
    }
    return wire_ended(&r);
}
