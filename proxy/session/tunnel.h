/*
 * tunnel.h - bytes in, bytes out: protocol = tcp, and a websocket after its 101.
 *
 * Each side's half-close is passed on to the other (close_notify <-> FIN), a cut becomes
 * a cut. Silence in both directions for response_timeout ends it.
 */
#ifndef WLBPROXY_SESSION_TUNNEL_H
#define WLBPROXY_SESSION_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/base/end_reason.h"

struct client;
struct exchange;
struct tunnel;

/* protocol = tcp: after the handshake. */
void tunnel_begin(struct client *c);

/* Takes the exchange's place after its 101, and its backend; `bytes` came behind the 101.
 */
void tunnel_upgrade(struct exchange *x, const char *bytes, size_t len);

void tunnel_client_data(struct tunnel *t, const char *bytes, size_t len);
void tunnel_client_drained(struct tunnel *t);
void tunnel_client_ended(struct tunnel *t);
void tunnel_client_gone(struct tunnel *t, enum end_reason reason);
void tunnel_expired(struct tunnel *t);
bool tunnel_blocks_client(const struct tunnel *t);

#endif
