/*
 * backend_health.h - the facts about a connection that tell whether its backend is up.
 *
 * They go to the balancer, and a change is logged where there is a choice of backends.
 */
#ifndef WLBPROXY_SESSION_BACKEND_HEALTH_H
#define WLBPROXY_SESSION_BACKEND_HEALTH_H

#include <stdbool.h>

#include "proxy/session/balancer.h"

struct backend;

/* For the user. Has the backend all it needs for its reply? If it ends then, or says what
 * is none, the next request goes elsewhere. */
void backend_await_reply(struct backend *b, bool awaited);
void backend_has_replied(struct backend *b); /* a head of HTTP, a tunnel's first byte */
void backend_is_silent(struct backend *b); /* its time for a reply is over */
void backend_is_nonsense(struct backend *b); /* its bytes are no reply */

/* For backend.c. */
void backend_has_connected(struct backend *b);
void backend_has_ended(struct backend *b);
void backend_failed(struct backend *b, enum backend_fault fault, const char *detail);

#endif
