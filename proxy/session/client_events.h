/*
 * client_events.h - a client's life as a table of functions by state and event.
 *
 * States: HANDSHAKE, AWAIT_HEAD, EXCHANGE, LINGER (http); HANDSHAKE, TUNNEL, LINGER
 * (tcp). The functions are those of accept_phase.h, await_head.h, exchange.h, tunnel.h
 * and ending.h.
 */
#ifndef WLBPROXY_SESSION_CLIENT_EVENTS_H
#define WLBPROXY_SESSION_CLIENT_EVENTS_H

#include <sys/socket.h>

struct client;
struct clients;
struct service;
struct source;

/* Takes over fd, and the source's connection. The client frees itself once it is
 * closed. */
void client_begin(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer, struct source *source);

/* Moves to a service of another generation, if no byte has come yet. */
void client_adopt(struct client *c, struct service *service);

void client_end_now(struct client *c);

#endif
