/*
 * health_checks.h - asks each backend of a service with `health`, again and again,
 * whether it is well: by a connection, or by a request and the status of its reply.
 *
 * Each worker checks by itself: what one worker says decides nothing for another one, and
 * a worker that hangs or was taken over cannot mark the backends of all of them down. The
 * price is one check per worker and interval.
 *
 * A backend has one check, with one connection at a time: health_interval, an eighth less
 * or more, begins when a check is over, so that checks spread and a slow backend is asked
 * less often. No check takes longer than health_timeout or reads more than max_head and
 * one read of the loop. The reply is judged by the parser that judges all replies, to the
 * end of its head; its body is not read.
 */
#ifndef WLBPROXY_SESSION_HEALTH_CHECKS_H
#define WLBPROXY_SESSION_HEALTH_CHECKS_H

struct clients;
struct generation;

/* From now on the backends of this generation are checked, and no others. A check whose
 * backend and settings stay goes on as if nothing had happened. To be called again when
 * addresses have changed; the generation stays until the next call or
 * health_checks_end().
 */
void health_checks_follow(struct clients *clients, struct generation *generation);

/* No more checks; what is open closes. */
void health_checks_end(struct clients *clients);

#endif
