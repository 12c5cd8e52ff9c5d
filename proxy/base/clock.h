/*
 * clock.h - the monotonic clock, which no administrator sets: for deadlines and
 * durations.
 */
#ifndef WLBPROXY_BASE_CLOCK_H
#define WLBPROXY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void);
int64_t clock_now_ms(void);

#endif
