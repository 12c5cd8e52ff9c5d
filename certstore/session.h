/*
 * session.h - the facts that a TLS session is bound to. Either engine seals them into the
 * ticket: when the first handshake was, when its authentication ends, the policy under
 * which it was negotiated, and the server name. A renewed ticket keeps them all.
 */
#ifndef WLBPROXY_CERTSTORE_SESSION_H
#define WLBPROXY_CERTSTORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certstore/tls_policy.h"

enum { SESSION_HOST = 32, SESSION_BOND_LEN = 8 + 8 + SESSION_BINDING + SESSION_HOST };

struct session_bond {
    uint64_t began; /* seconds since 1970: the time of the first, full handshake */
    uint64_t ends; /* when the client's certificate or a CRL ends; 0: no limit */
    unsigned char binding[SESSION_BINDING]; /* identifies the policy */
    unsigned char host[SESSION_HOST]; /* digest of the server name; all zero: none */
};

/* RFC 6066, 3: names are compared without regard to case, or to a dot at the end. */
bool session_host(unsigned char host[SESSION_HOST], const void *name, size_t len);

/* Returns whether a session may continue under this policy. `host` NULL: the name need
 * not be the same (TLS 1.3). A session from the future may not. */
bool session_may_go_on(const struct session_bond *bond, const struct tls_policy *policy,
    const unsigned char *host, uint64_t now);

/* The seconds that are left of it. */
uint32_t session_seconds_left(
    const struct session_bond *bond, const struct tls_policy *policy, uint64_t now);

void session_bond_encode(
    const struct session_bond *bond, unsigned char bytes[SESSION_BOND_LEN]);
void session_bond_decode(
    struct session_bond *bond, const unsigned char bytes[SESSION_BOND_LEN]);

#endif
