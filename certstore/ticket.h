/*
 * ticket.h - session tickets (RFC 5077, RFC 8446 section 4.6.1) under keys of our own,
 * which all workers share and reloads keep.
 */
#ifndef WLBPROXY_CERTSTORE_TICKET_H
#define WLBPROXY_CERTSTORE_TICKET_H

#include <stdbool.h>

#include <openssl/types.h>

struct error;

/* Seals and opens the tickets of `context` with the keys of its policy, which are read at
 * every handshake. */
bool ticket_install(SSL_CTX *context, struct error *err);

#endif
