/*
 * authentication.h - schemes that authenticate a connection, not a request (NTLM and
 * Negotiate, RFC 4559): whatever is sent over it later is taken for the same user's.
 */
#ifndef WLBPROXY_HTTP_AUTHENTICATION_H
#define WLBPROXY_HTTP_AUTHENTICATION_H

#include <stdbool.h>

struct head;

/* A request that authenticates so, or a reply that offers it. */
bool authentication_binds(const struct head *head);

#endif
