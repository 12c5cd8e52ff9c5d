/*
 * proxy_header.h - reads and writes the header of the PROXY protocol (HAProxy's
 * doc/proxy-protocol.txt). A load balancer sends it first, to tell the client's address.
 * Pure.
 */
#ifndef WLBPROXY_NET_PROXY_HEADER_H
#define WLBPROXY_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Octets of the longest header that is read or written, of either version. */
enum { PROXY_HEADER_MAX = 4096 };

/* Bits: the versions that are accepted, or the one that is sent. */
enum proxy_version {
    PROXY_VERSION_NONE = 0,
    PROXY_VERSION_1 = 1,
    PROXY_VERSION_2 = 2,
    PROXY_VERSION_ANY = 3,
};

enum proxy_header_status {
    PROXY_HEADER_PARTIAL, /* the beginning of a header */
    PROXY_HEADER_WHOLE,
    PROXY_HEADER_INVALID,
};

struct proxy_header {
    size_t len; /* of the whole header, in octets */
    bool has_client; /* false: LOCAL, UNKNOWN, or not TCP: the connection's own addresses
                      * count */
    struct sockaddr_storage client;
    const char *error; /* why it is invalid; static */
};

/* Judges the header at the front of len octets, and ignores the octets after it. A header
 * is invalid as soon as no further octets could make it valid. */
enum proxy_header_status proxy_header_read(
    const void *bytes, size_t len, unsigned versions, struct proxy_header *header);

/* The facts for a backend. Texts are NULL where there is none; a certificate that the
 * client showed has been verified. Without a client: a connection of the proxy's own. */
struct proxy_header_facts {
    const struct sockaddr_storage *client, *local;
    const char *tls_version, *cipher; /* in OpenSSL's names */
    const char *server_name, *alpn;
    const char *client_cn;
    bool client_certificate; /* the client showed one in this session, or in the one that
                              * is resumed */
    bool resumed;
};

/* Returns the octets written, at most PROXY_HEADER_MAX. Version 2 has the TLVs of TLS and
 * a checksum (CRC32c); texts longer than 255 octets are left out. */
size_t proxy_header_write(unsigned char out[PROXY_HEADER_MAX], enum proxy_version version,
    const struct proxy_header_facts *facts);

#endif
