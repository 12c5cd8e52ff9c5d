#include "proxy/session/pace.h"

void pace_restart(struct pace *pace, uint64_t now)
{
    *pace = (struct pace){.since = now};
}

bool pace_is_too_slow(uint64_t bytes, uint64_t ms, uint64_t min_rate)
{
    return bytes < min_rate * ms / 1000;
}

uint64_t pace_stalled(uint64_t stalled, uint64_t ms, uint64_t bytes, uint64_t min_rate)
{
    stalled += ms;
    if (bytes == 0)
        return stalled;
    if (min_rate == 0 || !pace_is_too_slow(bytes, stalled, min_rate))
        return 0;
    return stalled - bytes * 1000 / min_rate;
}

bool pace_keeps(struct pace *pace, uint64_t min_rate, uint64_t length, uint64_t now)
{
    uint64_t ms = now - pace->since;
    bool keeps;

    if (ms < length)
        return true;
    keeps = !pace_is_too_slow(pace->bytes, ms, min_rate);
    pace_restart(pace, now);
    return keeps;
}
