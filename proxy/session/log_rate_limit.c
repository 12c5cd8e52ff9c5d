#include "proxy/session/log_rate_limit.h"

bool log_rate_limit_allow(
    struct log_rate_limit *log_limit, enum end_reason reason, uint64_t now)
{
    struct limited_reason *one = &log_limit->reasons[reason];
    uint64_t earned = (now - one->refilled) * LOG_LIMIT_PER_SECOND / 1000;

    if (earned > 0) {
        one->spent = earned >= one->spent ? 0 : one->spent - (uint32_t)earned;
        one->refilled = now;
    }
    if (one->spent < LOG_LIMIT_BURST) {
        one->spent++;
        return true;
    }
    one->held++;
    return false;
}

uint32_t log_rate_limit_take_suppressed(
    struct log_rate_limit *log_limit, enum end_reason reason)
{
    uint32_t held = log_limit->reasons[reason].held;

    log_limit->reasons[reason].held = 0;
    return held;
}
