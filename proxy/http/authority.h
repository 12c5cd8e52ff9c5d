/*
 * authority.h - host and port as they stand in Host and in an absolute target.
 */
#ifndef WLBPROXY_HTTP_AUTHORITY_H
#define WLBPROXY_HTTP_AUTHORITY_H

#include "proxy/http/head.h"

struct authority {
    struct span host; /* without brackets */
    unsigned port; /* 0: not given */
    struct span written; /* both, as they are passed on: no ":" without a port */
};

/* A reg-name of RFC 3986 without percent escapes (two parsers may differ on whether "%61"
 * is "a"), or an IPv6 address in brackets, or, as XAPI writes it, without them and
 * without a port. No userinfo, no empty host. An empty port is the scheme's, as none is
 * (RFC 9110, 4.2.3). */
bool authority_parse(struct authority *authority, struct span text);

/* A port that is not given is the scheme's. */
bool authority_equal(
    const struct authority *a, const struct authority *b, unsigned default_port);

#endif
