/*
 * policy.h - the parameters that handshakes of one context (certstore/context.h) may
 * negotiate, in a form that is fast to use. Made at the context's first use, freed with
 * it.
 *
 * It contains only what OpenSSL would negotiate, too, in its order of preference. Entries
 * that OpenSSL supports and we do not keep their places in the lists, so that a choice of
 * one is noticed.
 */
#ifndef WLBPROXY_TLS_NATIVE_POLICY_H
#define WLBPROXY_TLS_NATIVE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certstore/context.h"
#include "certstore/tls_policy.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/record_cipher.h"
#include "proxy/crypto/signing.h"
#include "proxy/tls/native/hello.h"

enum { VERSION_12 = 0x0303, VERSION_13 = 0x0304 };

enum suite_auth { SUITE_ANY_KEY, SUITE_RSA, SUITE_ECDSA };

struct suite {
    uint16_t id; /* RFC 8446, B.4; RFC 5289; RFC 7905 */
    uint16_t version; /* the only one it is for */
    enum suite_auth auth;
    enum record_cipher cipher;
    const char *name; /* OpenSSL's */
    const struct digest *digest; /* of its key schedule; NULL before the engine runs */
};

struct scheme {
    uint16_t id; /* RFC 8446, 4.2.3 */
    bool rsa, pss; /* else ECDSA */
    unsigned curve; /* group id the key must have in TLS 1.3; 0: any */
    const struct digest *digest;
};

/* A certificate that is shown, and its key. */
struct shown {
    const struct signing_key *key;
    bool rsa; /* else EC */
    bool may_sign_12; /* its key usage allows it; TLS 1.3 does not check that */
    /* Certificate messages with their headers (RFC 8446, 4.4.2; RFC 5246, 7.4.2). */
    unsigned char *message_13, *message_12;
    size_t message_13_len, message_12_len;
};

enum { POLICY_SHOWN_MAX = 4 };

struct policy {
    const struct tls_policy *agreed; /* its source; lives with the context */
    bool allows_12, allows_13;
    /* Our entries of agreed->suite_ids and group_ids, in their places, or NULL. */
    const struct suite *suites[TLS_POLICY_SUITES_MAX];
    const struct key_exchange_group *groups[TLS_POLICY_GROUPS_MAX];
    struct shown shown[POLICY_SHOWN_MAX]; /* of different kinds */
    size_t shown_count;
};

/* NULL: OpenSSL makes all handshakes of this context. */
const struct policy *policy_of(SSL_CTX *context);

/* Returns the suite of the client's offer that OpenSSL would choose; NULL: there is none,
 * or we do not support it. */
const struct suite *policy_suite_13(
    const struct policy *policy, const struct hello *hello);
/* `shown` has the certificates: the policy of the context's successor, or itself. */
const struct suite *policy_suite_12(
    const struct policy *policy, const struct policy *shown, const struct hello *hello);
/* Returns the group, and the share that was sent for it. */
const struct key_exchange_group *policy_share(
    const struct policy *policy, const struct hello *hello, struct bytes *share);
const struct key_exchange_group *policy_group_12(
    const struct policy *policy, const struct hello *hello);
/* Returns the certificate, and the scheme with which OpenSSL would sign. */
const struct shown *policy_certificate_13(
    const struct policy *shown, const struct hello *hello, const struct scheme **scheme);
const struct shown *policy_certificate_12(const struct policy *shown,
    const struct hello *hello, const struct suite *suite, const struct scheme **scheme);

/* The suite of that number; NULL: not ours. */
const struct suite *suite_find(uint16_t id);

#endif
