#include "proxy/session/log_rate_limit.h"

bool log_rate_limit_allow(
    struct log_rate_limit *log_limit, enum end_reason reason, uint64_t now)
{
    struct limited_reason *one = &log_limit->reasons[reason];
    uint64_t earned = (now - one->refilled) * LOG_LIMIT_PER_SECOND / 1000;

    if (earned > 0) {
        one->spent = earned >= one->spent ? 0 : one->spent - (uint32_t)earned;
        /* The rest of a line's time is kept. */
        one->refilled =
            one->spent == 0 ? now : one->refilled + earned * 1000 / LOG_LIMIT_PER_SECOND;
    }
    if (one->spent < LOG_LIMIT_BURST) {
        one->spent++;
        return true;
    }
    one->suppressed++;
    return false;
}

uint32_t log_rate_limit_take_suppressed(
    struct log_rate_limit *log_limit, enum end_reason reason)
{
    uint32_t lines = log_limit->reasons[reason].suppressed;

    log_limit->reasons[reason].suppressed = 0;
    return lines;
}
