/*
 * handshake13_session.h - the session that a TLS 1.3 client resumes (RFC 8446, 4.2.11).
 */
#ifndef WLBPROXY_TLS_NATIVE_HANDSHAKE13_SESSION_H
#define WLBPROXY_TLS_NATIVE_HANDSHAKE13_SESSION_H

#include "certstore/session.h"
#include "proxy/tls/native/handshake_version.h"
#include "proxy/tls/native/schedule.h"

struct session_13 {
    size_t identity; /* index of the client's identity */
    struct session_bond bond;
};

/* True: the hello resumes a session, and `schedule` has begun with it. A wrong binder
 * makes the handshake FAILED. */
bool handshake13_find_session(struct handshake *handshake,
    const struct handshake_start *start, struct schedule *schedule,
    struct session_13 *session);

#endif
