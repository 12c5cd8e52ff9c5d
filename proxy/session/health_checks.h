/*
 * health_checks.h - checks each backend of a service with `health` periodically: by a
 * connection, or by a request and the status of its reply.
 *
 * Each worker checks by itself. One worker's results do not count for another, so that a
 * worker that hangs or was taken over cannot mark backends down for all. The price is one
 * check per worker and interval.
 *
 * A backend has one check, with one connection at a time. health_interval, an eighth less
 * or more, begins when a check is over, so that checks spread and a slow backend gets
 * fewer. No check takes longer than health_timeout or reads more than max_head, 64 KB of
 * a body, and one read of the loop. The parser of all replies judges this one, to its
 * end: a backend that hangs in the body of its reply fails.
 */
#ifndef WLBPROXY_SESSION_HEALTH_CHECKS_H
#define WLBPROXY_SESSION_HEALTH_CHECKS_H

struct clients;
struct generation;

/* From now on the backends of this generation are checked, and no others. A check whose
 * backend and settings stay continues. Call it again when addresses have changed; the
 * generation stays until the next call or health_checks_end(). */
void health_checks_follow(struct clients *clients, struct generation *generation);

/* Ends all checks; open connections are closed. */
void health_checks_end(struct clients *clients);

#endif
