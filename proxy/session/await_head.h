/*
 * await_head.h - turns a client's bytes into requests, one at a time; bytes of further
 * requests wait unparsed, bounded. It also has the state AWAIT_HEAD, the time between
 * requests.
 */
#ifndef WLBPROXY_SESSION_AWAIT_HEAD_H
#define WLBPROXY_SESSION_AWAIT_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/end_reason.h"

struct client;

void requests_data(struct client *c, const char *bytes, size_t len);

/* Enters AWAIT_HEAD. */
void requests_await(struct client *c);

/* Returns whether the client has been served, has read all of it, and has sent no further
 * request. */
bool requests_may_make_room(const struct client *c);

/* The events of AWAIT_HEAD. */
void requests_close_notify(struct client *c);
void requests_fin(struct client *c, bool bare);
void requests_failed(struct client *c, enum end_reason reason);
void requests_drained(struct client *c); /* parses requests that waited until the replies
                                          * were read */
void requests_expired(struct client *c);
void requests_drain(struct client *c);

#endif
