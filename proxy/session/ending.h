/*
 * ending.h - the end of a client's connection: the bytes written are delivered, then
 * close_notify and FIN, or a cut; then LINGER, until the client ends, too.
 */
#ifndef WLBPROXY_SESSION_ENDING_H
#define WLBPROXY_SESSION_ENDING_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/base/end_reason.h"

struct client;

/* No more bytes follow: close_notify and FIN; or FIN alone, which is a cut. */
void client_end(struct client *c, enum end_reason reason);
void client_cut(struct client *c, enum end_reason reason);

/* Ends a client that awaits a request, with close_notify, and with little time, because
 * another needs the room. */
void client_make_room(struct client *c);

/* Writes one of our own replies, after which the connection continues. */
void client_answer(struct client *c, unsigned status, const char *text,
    const char *fields, bool to_head);

/* The same, then the end. `fields` as in error_reply.h. */
void client_refuse(struct client *c, enum end_reason reason, unsigned status,
    const char *text, const char *fields, bool to_head);

/* Nothing more can be delivered. */
void client_close(struct client *c, enum end_reason reason);

/* The events of LINGER. */
void ending_data(struct client *c, size_t len);
void ending_drained(struct client *c);
void ending_failed(struct client *c, enum end_reason reason);
void ending_expired(struct client *c);

#endif
