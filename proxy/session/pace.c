#include "proxy/session/pace.h"

void pace_restart(struct pace *pace, uint64_t now)
{
    *pace = (struct pace){.since = now};
}

bool pace_is_too_slow(uint64_t bytes, uint64_t ms, uint64_t min_rate)
{
    return bytes * 1000 < min_rate * ms;
}

bool pace_keeps(struct pace *pace, uint64_t bytes, uint64_t min_rate, uint64_t now)
{
    uint64_t ms = now - pace->since;
    bool keeps;

    pace->bytes += bytes;
    if (ms < PACE_GRACE)
        return true;
    keeps = !pace_is_too_slow(pace->bytes, ms, min_rate);
    pace_restart(pace, now);
    return keeps;
}
