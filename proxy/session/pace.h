/*
 * pace.h - a peer must keep an average rate, `min_rate`. The average is judged over
 * periods of `body_timeout`, so that a pause is allowed, and a trickle cannot hold a
 * connection. Pure.
 */
#ifndef WLBPROXY_SESSION_PACE_H
#define WLBPROXY_SESSION_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t since; /* ms: when this period began */
    uint64_t bytes; /* in this period */
};

/* Begins a new period: at the start, and when we were the ones who waited. */
void pace_restart(struct pace *pace, uint64_t now);

/* False: a period of `length` ms is over, and the average in it was too low. Do not call
 * it for bytes that complete a body: there is nothing left to wait for. */
bool pace_keeps(struct pace *pace, uint64_t min_rate, uint64_t length, uint64_t now);

/* Returns whether `bytes` in `ms` is below the rate. */
bool pace_is_too_slow(uint64_t bytes, uint64_t ms, uint64_t min_rate);

/* Returns how long a reader has been behind, after `ms` more in which it took `bytes`.
 * The bytes count for the time that min_rate allows for them, so that a byte now and then
 * does not hold a connection. `bytes` may be SIZE_MAX: unknown, but some. */
uint64_t pace_stalled(uint64_t stalled, uint64_t ms, uint64_t bytes, uint64_t min_rate);

#endif
