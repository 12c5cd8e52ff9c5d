/*
 * authentication.h - schemes that authenticate a connection, not a request (NTLM and
 * Negotiate, RFC 4559): every later request on it counts as the same user's.
 */
#ifndef WLBPROXY_HTTP_AUTHENTICATION_H
#define WLBPROXY_HTTP_AUTHENTICATION_H

#include <stdbool.h>

struct head;

/* Returns whether a request authenticates in this way, or a reply offers it. */
bool authentication_binds(const struct head *head);

#endif
