/*
 * client_log.h - the log lines about clients: one at the end of each, bounded in number.
 */
#ifndef WLBPROXY_SESSION_CLIENT_LOG_H
#define WLBPROXY_SESSION_CLIENT_LOG_H

#include <stdbool.h>

#include "proxy/session/client_state.h"

void client_log_state(
    const struct client *c, enum client_state from, enum client_state to);

/* Where a handshake failed, with what the client offered and why it may have failed. */
void client_log_handshake(struct client *c);

void client_log_end(struct client *c);

/* `backend` may be NULL: none of several could be had. `answered`: what the client saw.
 */
void client_log_backend_failure(struct client *c, const char *backend,
    enum end_reason reason, const char *answered, const char *detail);

/* The backend sent bytes behind the end of its last reply: they are discarded, and so is
 * the connection. */
void client_log_surplus(struct clients *clients, const struct service *service,
    const char *backend, size_t bytes);

/* A connection that was refused right after accept(). */
void client_log_refusal(
    struct clients *clients, enum end_reason reason, const struct sockaddr_storage *peer);

/* What was held back since the last time. True if anything still is. */
bool client_log_suppressed(struct clients *clients);

enum { REPORT_PEER_MAX = 64 };

/* "192.0.2.7:51234", "[2001:db8::1]:51234" */
const char *client_log_peer(const struct client *c, char *text);

#endif
