/*
 * handshake12_session.h - the session that a TLS 1.2 client resumes (RFC 5077, 3.1).
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE12_SESSION_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE12_SESSION_H

#include "proxy/tls/native/handshake_version.h"
#include "proxy/tls/native/ticket.h"

/* TICKET_UNKNOWN: the hello has no ticket that is ours, still valid, and of this service
 * and name; `session` then has no meaning. */
enum ticket_verdict handshake12_find_session(
    const struct handshake_start *start, struct ticket *session);

/* The group of the key exchange of the session's first handshake; NULL: not one of
 * ours. */
const struct key_exchange_group *handshake12_session_group(const struct ticket *session);

#endif
