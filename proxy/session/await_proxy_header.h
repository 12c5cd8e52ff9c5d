/*
 * await_proxy_header.h - connections of a load balancer that has to say first whom it
 * speaks for: from accept until its PROXY header is whole (proxy/net/proxy_header.h).
 */
#ifndef WLBPROXY_SESSION_AWAIT_PROXY_HEADER_H
#define WLBPROXY_SESSION_AWAIT_PROXY_HEADER_H

#include <sys/socket.h>

struct clients;
struct generation;
struct service;

/* Takes over fd. `told` gets it when the header has been read, off the socket and no
 * octet more, with the address that it tells; where it tells none (LOCAL), with `peer`. A
 * connection that has none after handshake_timeout, or a wrong one, is refused. */
void proxy_header_await(struct clients *clients, struct service *service, int fd,
    const struct sockaddr_storage *peer,
    void (*told)(struct clients *clients, struct service *service, int fd,
        const struct sockaddr_storage *client));

/* A process that drains still waits for them: they came before it did.
 * Those that wait for `from` wait for the service of the same name in `to`. */
void proxy_headers_adopt(
    struct clients *clients, struct generation *from, struct generation *to);

/* Closes all that wait. */
void proxy_headers_end(struct clients *clients);

#endif
