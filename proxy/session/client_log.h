/*
 * client_log.h - the log lines about clients: one at the end of each, bounded in number.
 */
#ifndef WLBPROXY_SESSION_CLIENT_LOG_H
#define WLBPROXY_SESSION_CLIENT_LOG_H

#include <stddef.h>
#include <sys/socket.h>

#include "proxy/base/end_reason.h"

struct client;
struct clients;
struct deadline;
struct service;

/* Logs where a handshake failed, with what the client offered and why it may have
 * failed. */
void client_log_handshake(struct client *c);

void client_log_end(struct client *c);

/* `backend` may be NULL: none of several could be reached. `answered` is the effect on
 * the client: "refused" or "cut". */
void client_log_backend_failure(struct client *c, const char *backend,
    enum end_reason reason, const char *answered, const char *detail);

/* The backend sent bytes behind the end of its last reply: they are discarded, and the
 * connection is not used again. */
void client_log_surplus(struct clients *clients, const struct service *service,
    const char *backend, size_t bytes);

/* A connection that was refused before its handshake; `detail` is static text or NULL. */
void client_log_refusal(struct clients *clients, enum end_reason reason,
    const struct sockaddr_storage *peer, const char *detail);
/* One that a rule of that service keeps out. */
void client_log_denied(struct clients *clients, const char *service,
    const struct sockaddr_storage *peer, const char *rule);

/* Writes the summary of suppressed lines: when the clients' deadline `suppressed_due` is
 * over, and at the end. */
void client_log_on_suppressed_due(struct deadline *due);
void client_log_suppressed(struct clients *clients);

#endif
