/*
 * misdirected.h - judges whether a request belongs on another connection (RFC 9110,
 * 15.5.20).
 *
 * The server name of the ClientHello chose the service; Host chooses nothing. With the
 * name of an open service and the Host of a guarded one, a client would reach the
 * latter's pages unchecked, if one backend has both.
 */
#ifndef WLBPROXY_SESSION_MISDIRECTED_H
#define WLBPROXY_SESSION_MISDIRECTED_H

#include <stdbool.h>

struct client;
struct head;

/* Returns whether Host, as a server name, would have led to a service of the same address
 * that admits other clients or requests. */
bool client_is_misdirected(const struct client *c, const struct head *head);

#endif
