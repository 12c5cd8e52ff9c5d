/*
 * send_proxy_header.h - tells a backend the client of a connection by a PROXY header
 * (`send_proxy`).
 */
#ifndef WLBPROXY_SESSION_SEND_PROXY_HEADER_H
#define WLBPROXY_SESSION_SEND_PROXY_HEADER_H

struct backend;
struct client;

/* Writes it first to a new connection; does nothing where the service does not ask for
 * it. */
void proxy_header_send(struct backend *b, struct client *c);

#endif
