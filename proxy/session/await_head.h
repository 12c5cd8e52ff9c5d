/*
 * await_head.h - a client's bytes to requests, one at a time: what comes ahead of its
 * turn waits unparsed, bounded. And AWAIT_HEAD, the time between them.
 */
#ifndef WLBPROXY_SESSION_AWAIT_HEAD_H
#define WLBPROXY_SESSION_AWAIT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"

struct client;

void requests_data(struct client *c, const char *bytes, size_t len);

/* Answers what the parser refused. */
void requests_refuse(struct client *c);

/* Enters AWAIT_HEAD. */
void requests_await(struct client *c);

/* What happens in AWAIT_HEAD. */
uint64_t requests_idle_limit(const struct client *c); /* ms it may last */
/* It has been served, all of it has been read, and no request is on its way. */
bool requests_may_make_room(const struct client *c);
void requests_close_notify(struct client *c);
void requests_fin(struct client *c, bool bare);
void requests_failed(struct client *c, enum end_reason reason);
void requests_drained(struct client *c); /* what waited for the replies to be read */
void requests_expired(struct client *c);
void requests_drain(struct client *c);

/* Of a client that leaves between two requests. */
enum end_reason requests_end_reason(const struct client *c);

#endif
