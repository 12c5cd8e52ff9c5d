/*
 * send_proxy_header.h - tells a backend by a PROXY header whom a connection is for
 * (`send_proxy`).
 */
#ifndef WLBPROXY_SESSION_SEND_PROXY_HEADER_H
#define WLBPROXY_SESSION_SEND_PROXY_HEADER_H

struct backend;
struct client;

/* Writes it to a connection that is new, before all else; nothing where the service does
 * not ask for one. */
void proxy_header_send(struct backend *b, struct client *c);

#endif
