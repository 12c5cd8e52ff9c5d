/*
 * await_proxy_header.h - connections of a load balancer, which has to send a PROXY header
 * first: from accept until it is whole (proxy/net/proxy_header.h).
 */
#ifndef WLBPROXY_SESSION_AWAIT_PROXY_HEADER_H
#define WLBPROXY_SESSION_AWAIT_PROXY_HEADER_H

#include <sys/socket.h>

struct clients;
struct generation;
struct service;

/* Takes over fd. `told` gets it when the header, and no octet more, has been read off the
 * socket, with the client's address from the header; for LOCAL, which has none, with
 * `peer`. A connection that has none after handshake_timeout, or an invalid one, is
 * refused. */
void proxy_header_await(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer,
    void (*told)(struct clients *clients, struct service *service, int fd,
        const struct sockaddr_storage *client));

/* A process that drains still waits for them: they were accepted before. Connections that
 * wait for `from` will wait for the service of the same name in `to`. */
void proxy_headers_adopt(
    struct clients *clients, struct generation *from, struct generation *to);

/* Closes all that wait. */
void proxy_headers_end(struct clients *clients);

#endif
