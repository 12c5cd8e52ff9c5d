/*
 * ready.h - whether requests can be served: what /readyz says. Pure.
 */
#ifndef WLBPROXY_ADMIN_READY_H
#define WLBPROXY_ADMIN_READY_H

#include <stdbool.h>
#include <time.h>

#include <jansson.h>

struct buffer;

/* True if a worker answers, and every service has valid certificates alone and a backend
 * that is not known to be down. Else each thing that is wrong is a line. */
bool ready_judge(const json_t *status, time_t now, struct buffer *reasons);

#endif
