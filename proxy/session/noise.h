/*
 * noise.h - keeps floods out of the log: so many lines for one reason, then a summary.
 *
 * Pure: the caller brings the time and writes what comes out.
 */
#ifndef WLBPROXY_SESSION_NOISE_H
#define WLBPROXY_SESSION_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"

enum {
    NOISE_BURST = 50, /* lines at once */
    NOISE_PER_SECOND = 5, /* after that */
    NOISE_SUMMARY = 10000, /* ms between summaries of what was held back */
};

struct noise {
    struct {
        uint32_t spent; /* lines counted against the burst */
        uint32_t held; /* since the last summary */
        uint64_t refilled; /* ms */
    } reasons[END_REASON_COUNT];
};

/* May a line for this reason be written now? If not, it is counted. */
bool noise_allow(struct noise *noise, enum end_reason reason, uint64_t now);

/* How many were held back for this reason since it was last asked. */
uint32_t noise_take_held(struct noise *noise, enum end_reason reason);

#endif
