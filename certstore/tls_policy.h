/*
 * tls_policy.h - the parameters that handshakes of one service may negotiate, as one
 * value.
 *
 * context.h makes it from the service's settings and the machine's openssl.cnf(5), and
 * both TLS engines are given this value and nothing else. An engine has a switch over
 * enum tls_policy_field without a default: a new field does not compile until both
 * engines handle it.
 */
#ifndef WLBPROXY_CERTSTORE_TLS_POLICY_H
#define WLBPROXY_CERTSTORE_TLS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"

enum {
    TLS_POLICY_SUITES_MAX = 96,
    TLS_POLICY_GROUPS_MAX = 16,
    TLS_POLICY_SCHEMES_MAX = 64,
    SESSION_BINDING = 32
};

struct ticket_keys;

enum tls_policy_field {
    TLS_POLICY_VERSIONS,
    TLS_POLICY_STRENGTH,
    TLS_POLICY_GROUPS,
    TLS_POLICY_SUITES,
    TLS_POLICY_SCHEMES,
    TLS_POLICY_ALPN,
    TLS_POLICY_VERIFICATION,
    TLS_POLICY_TICKETS,
    TLS_POLICY_FIELDS
};

struct tls_policy {
    enum tls_engine_choice engine;
    /* VERSIONS, as TLS numbers them: the stricter of the service's and openssl.cnf's. */
    uint16_t min_version, max_version; /* 0x0303, 0x0304; max 0: no limit */
    /* STRENGTH: OpenSSL's security level, and its SSL_OP_ options that are in force. */
    int security_level;
    uint64_t options;
    /* GROUPS, by preference: in OpenSSL's syntax, and their numbers (RFC 8446, 4.2.7). No
     * numbers: the text is more than a list of known names. */
    char *groups;
    uint16_t group_ids[TLS_POLICY_GROUPS_MAX];
    size_t group_count;
    /* SUITES of TLS 1.3 and 1.2, by preference, in the same two forms. No numbers: there
     * are too many. */
    char *ciphersuites, *ciphers;
    uint16_t suite_ids[TLS_POLICY_SUITES_MAX];
    size_t suite_count;
    /* SCHEMES: signatures (RFC 8446, 4.2.3), by preference. */
    uint16_t schemes[TLS_POLICY_SCHEMES_MAX];
    size_t scheme_count;
    /* ALPN: by preference, the last NULL. One that the client offers is chosen; if it
     * offers none of them, the handshake is refused (RFC 7301, 3.2). NULL: the policy has
     * no opinion. */
    const char *const *protocols;
    /* VERIFICATION of clients. */
    enum verify_mode verify;
    uint32_t verify_depth;
    struct text_list pins, names; /* of clients; none: any that is trusted */
    bool trusts_pins_alone; /* there is no ca */
    const char *ca_pem, *crl_pem; /* only while the context is made; NULL: none */
    uint64_t crl_ends; /* the first nextUpdate, in seconds since 1970; 0: none */
    /* TICKETS: what binds a session to the policy, and the keys, read at every
     * handshake. */
    const struct ticket_keys *tickets; /* borrowed; NULL: none */
    unsigned char binding[SESSION_BINDING];
};

#endif
