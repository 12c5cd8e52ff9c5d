/*
 * log_rate_limit.h - keeps floods out of the log: so many lines for one reason, then a
 * summary.
 *
 * Pure: the caller passes the time and writes the lines.
 */
#ifndef WLBPROXY_SESSION_LOG_RATE_LIMIT_H
#define WLBPROXY_SESSION_LOG_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"

enum {
    LOG_LIMIT_BURST = 50, /* lines at once */
    LOG_LIMIT_PER_SECOND = 5, /* after the burst */
    LOG_LIMIT_SUMMARY = 10000, /* ms between summaries of suppressed lines */
};

struct limited_reason {
    uint32_t spent; /* lines counted against the burst */
    uint32_t suppressed; /* lines that were not written since the last summary */
    uint64_t refilled; /* ms: the time up to which lines were earned */
};

struct log_rate_limit {
    struct limited_reason reasons[END_REASON_COUNT];
};

/* Returns whether a line for this reason may be written now. If not, it is counted. */
bool log_rate_limit_allow(
    struct log_rate_limit *log_limit, enum end_reason reason, uint64_t now);

/* Returns how many lines of this reason were suppressed since the last call. */
uint32_t log_rate_limit_take_suppressed(
    struct log_rate_limit *log_limit, enum end_reason reason);

#endif
