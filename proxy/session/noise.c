#include "proxy/session/noise.h"

bool noise_allow(struct noise *noise, enum end_reason reason, uint64_t now)
{
    uint64_t earned = (now - noise->reasons[reason].refilled) * NOISE_PER_SECOND / 1000;

    if (earned > 0) {
        uint32_t spent = noise->reasons[reason].spent;

        noise->reasons[reason].spent = earned >= spent ? 0 : spent - (uint32_t)earned;
        noise->reasons[reason].refilled = now;
    }
    if (noise->reasons[reason].spent < NOISE_BURST) {
        noise->reasons[reason].spent++;
        return true;
    }
    noise->reasons[reason].held++;
    return false;
}

uint32_t noise_take_held(struct noise *noise, enum end_reason reason)
{
    uint32_t held = noise->reasons[reason].held;

    noise->reasons[reason].held = 0;
    return held;
}
