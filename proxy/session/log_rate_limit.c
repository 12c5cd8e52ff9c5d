#include "proxy/session/log_rate_limit.h"

bool log_rate_limit_allow(
    struct log_rate_limit *log_limit, enum end_reason reason, uint64_t now)
{
    uint64_t earned =
        (now - log_limit->reasons[reason].refilled) * LOG_LIMIT_PER_SECOND / 1000;

    if (earned > 0) {
        uint32_t spent = log_limit->reasons[reason].spent;

        log_limit->reasons[reason].spent = earned >= spent ? 0 : spent - (uint32_t)earned;
        log_limit->reasons[reason].refilled = now;
    }
    if (log_limit->reasons[reason].spent < LOG_LIMIT_BURST) {
        log_limit->reasons[reason].spent++;
        return true;
    }
    log_limit->reasons[reason].held++;
    return false;
}

uint32_t log_rate_limit_take_suppressed(
    struct log_rate_limit *log_limit, enum end_reason reason)
{
    uint32_t held = log_limit->reasons[reason].held;

    log_limit->reasons[reason].held = 0;
    return held;
}
