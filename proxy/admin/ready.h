/*
 * ready.h - judges whether requests can be served, for /readyz. Pure.
 */
#ifndef WLBPROXY_ADMIN_READY_H
#define WLBPROXY_ADMIN_READY_H

#include <stdbool.h>
#include <time.h>

#include <jansson.h>

struct buffer;

/* True if a worker answers, and every service has only valid certificates and a backend
 * that is not known to be down. Else each fault is a line of `reasons`. */
bool ready_judge(const json_t *status, time_t now, struct buffer *reasons);

#endif
