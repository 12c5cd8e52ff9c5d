/*
 * session.h - what a TLS session is bound to, sealed into its ticket by either engine:
 * when its first handshake was, when the authentication in it ends, the policy under
 * which it was agreed on, and the server name. A renewed ticket keeps all of it.
 */
#ifndef WLBPROXY_CERTSTORE_SESSION_H
#define WLBPROXY_CERTSTORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certstore/tls_policy.h"

enum { SESSION_HOST = 32, SESSION_BOND_LEN = 8 + 8 + SESSION_BINDING + SESSION_HOST };

struct session_bond {
    uint64_t began; /* seconds since 1970: the first, full handshake */
    uint64_t ends; /* not after that: a client certificate or CRL ends; 0: no limit */
    unsigned char binding[SESSION_BINDING]; /* of the policy */
    unsigned char host[SESSION_HOST]; /* digest of the server name; all zero: none */
};

/* RFC 6066, 3: names are compared without regard to case, or to a dot at the end. */
bool session_host(unsigned char host[SESSION_HOST], const void *name, size_t len);

/* May a session go on under this policy? `host` NULL: it need not be the same one (TLS
 * 1.3). One from the future may not. */
bool session_may_go_on(const struct session_bond *bond, const struct tls_policy *policy,
    const unsigned char *host, uint64_t now);

/* Seconds that are left of it. */
uint32_t session_seconds_left(
    const struct session_bond *bond, const struct tls_policy *policy, uint64_t now);

void session_bond_encode(
    const struct session_bond *bond, unsigned char bytes[SESSION_BOND_LEN]);
void session_bond_decode(
    struct session_bond *bond, const unsigned char bytes[SESSION_BOND_LEN]);

#endif
