/*
 * misdirected.h - whether a request belongs on another connection (RFC 9110, 15.5.20).
 *
 * The server name of the ClientHello chose the service; Host chooses nothing. With a name
 * that leads to an open service and the Host of a guarded one a client would come to the
 * latter's pages unasked, where one backend has both.
 */
#ifndef WLBPROXY_SESSION_MISDIRECTED_H
#define WLBPROXY_SESSION_MISDIRECTED_H

#include <stdbool.h>

struct client;
struct head;

/* Host, had it been the server name, would have led to a service of the same address that
 * lets in other clients or requests. */
bool client_is_misdirected(const struct client *c, const struct head *head);

#endif
