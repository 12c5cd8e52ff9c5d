/*
 * tunnel.h - bytes in, bytes out: protocol = tcp, and a websocket after its 101.
 *
 * All bytes before an end are delivered; then the kind of end is passed on. A clean end
 * (close_notify, the backend's FIN) is a half-close: close_notify <-> FIN. A cut (FIN
 * without close_notify, a reset, broken TLS) becomes a cut: a reset for the backend, FIN
 * without close_notify for the client. Silence in both directions ends a tunnel after
 * response_timeout, or, once one side has ended, after half_closed_timeout.
 */
#ifndef WLBPROXY_SESSION_TUNNEL_H
#define WLBPROXY_SESSION_TUNNEL_H

#include <stddef.h>

#include "proxy/base/end_reason.h"
#include "proxy/session/access_record.h"

struct backend;
struct client;
struct tunnel;

/* protocol = tcp: after the handshake. */
void tunnel_begin(struct client *c);

/* The things that an exchange passes to the tunnel after its 101. */
struct tunnel_start {
    struct backend *backend; /* handed over, see backend.h */
    struct access_record *record; /* belongs to the tunnel from now on; or NULL */
    struct access_outcome began; /* counts before the tunnel: `in` and `out` are the
                                  * connection's */
};

/* Called after the exchange has gone; `bytes` came behind the 101. */
void tunnel_take_over(
    struct client *c, const struct tunnel_start *start, const char *bytes, size_t len);

void tunnel_client_data(struct tunnel *t, const char *bytes, size_t len);
void tunnel_client_drained(struct tunnel *t);
void tunnel_client_ended(struct tunnel *t); /* close_notify */
void tunnel_client_cut(struct tunnel *t, const char *detail); /* FIN without it */
void tunnel_client_end_known(struct tunnel *t);
void tunnel_client_lost(struct tunnel *t, enum end_reason reason); /* takes no more */
void tunnel_client_gone(struct tunnel *t, enum end_reason reason); /* ends it now */
void tunnel_expired(struct tunnel *t);

#endif
