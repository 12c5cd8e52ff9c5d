/*
 * accept_phase.h - a client from accept to the end of its TLS handshake: it is counted,
 * and shed when others need the room.
 */
#ifndef WLBPROXY_SESSION_ACCEPT_PHASE_H
#define WLBPROXY_SESSION_ACCEPT_PHASE_H

#include "proxy/base/end_reason.h"

struct client;

/* The client may be closed afterwards: its service may not admit its address. */
void handshake_done(struct client *c);
void handshake_failed(struct client *c, enum end_reason reason, const char *detail);

void handshake_shed(struct client *c);

#endif
