/*
 * endpoint_text.h - the parts of an address as written (private to config/).
 */
#ifndef WLBPROXY_CONFIG_ENDPOINT_TEXT_H
#define WLBPROXY_CONFIG_ENDPOINT_TEXT_H

#include <stdint.h>

#include "config/endpoint.h"

enum { ENDPOINT_HOST_MAX = 256 };

enum endpoint_kind {
    ENDPOINT_ANY, /* a port alone */
    ENDPOINT_NAME, /* a host name or an IPv4 address */
    ENDPOINT_IPV6, /* without its brackets, perhaps with a %zone */
    ENDPOINT_UNIX, /* host is the path */
};

struct endpoint_text {
    enum endpoint_kind kind;
    char host[ENDPOINT_HOST_MAX];
    uint16_t port;
};

/* The error begins with the text. */
bool endpoint_parse(const char *text, enum endpoint_use use, struct endpoint_text *parts,
    struct error *err);

#endif
