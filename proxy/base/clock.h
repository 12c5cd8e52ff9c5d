/*
 * clock.h - the monotonic clock, for deadlines and durations. No administrator sets it.
 */
#ifndef WLBPROXY_BASE_CLOCK_H
#define WLBPROXY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ns(void);
int64_t clock_now_ms(void);

#endif
