/*
 * time_text.h - times of the status, "2026-01-31T23:59:59Z", as numbers. Pure.
 */
#ifndef WLBPROXY_ADMIN_TIME_TEXT_H
#define WLBPROXY_ADMIN_TIME_TEXT_H

#include <stdbool.h>
#include <time.h>

/* False: the text is no such time. */
bool time_from_text(const char *text, time_t *when);

#endif
