/*
 * send_proxy_header.h - tells a backend the client of a connection by a PROXY header
 * (`send_proxy`).
 */
#ifndef WLBPROXY_SESSION_SEND_PROXY_HEADER_H
#define WLBPROXY_SESSION_SEND_PROXY_HEADER_H

struct client;
struct stream;

/* Writes it first, before TLS too, to a connection that has just begun; does nothing
 * where the service does not ask for it. */
void proxy_header_send(struct stream *to, struct client *c);

#endif
