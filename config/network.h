/*
 * network.h - an address or a network as written: "192.0.2.7", "10.0.0.0/8",
 * "2001:db8::/32".
 */
#ifndef WLBPROXY_CONFIG_NETWORK_H
#define WLBPROXY_CONFIG_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct error;

struct network {
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits; /* bits of the address that count: 0 to 128 */
};

/* False and err where it is neither, or has bits set beyond its length. */
bool network_parse(const char *text, struct network *network, struct error *err);

/* The address of an IPv4 or IPv6 peer; :: for any other. */
struct in6_addr network_address(const struct sockaddr_storage *peer);

enum { NETWORK_ADDRESS_MAX = 46 };
/* Writes an address as a person would: IPv4 as 192.0.2.7. */
void network_describe(const struct in6_addr *address, char text[NETWORK_ADDRESS_MAX]);

bool network_contains(const struct network *network, const struct in6_addr *address);

#endif
