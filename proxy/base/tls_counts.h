/*
 * tls_counts.h - handshakes sorted into few kinds and counted: the versions, groups,
 * ciphers and signatures that clients use, and the causes of failures. The names are
 * stable.
 */
#ifndef WLBPROXY_BASE_TLS_COUNTS_H
#define WLBPROXY_BASE_TLS_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/base/tls_engine.h"

#define TLS_VERSION_KINDS(X) X(13, "TLSv1.3") X(12, "TLSv1.2") X(OTHER, "other")

/* NONE: a static RSA or finite-field key exchange of TLS 1.2. */
#define TLS_GROUP_KINDS(X)                                                               \
    X(X25519MLKEM768, "X25519MLKEM768")                                                  \
    X(P256MLKEM768, "SecP256r1MLKEM768")                                                 \
    X(P384MLKEM1024, "SecP384r1MLKEM1024")                                               \
    X(X25519, "X25519")                                                                  \
    X(P256, "P-256")                                                                     \
    X(P384, "P-384")                                                                     \
    X(P521, "P-521")                                                                     \
    X(NONE, "none")                                                                      \
    X(OTHER, "other")

#define TLS_CIPHER_KINDS(X)                                                              \
    X(AES128, "TLS_AES_128_GCM_SHA256")                                                  \
    X(AES256, "TLS_AES_256_GCM_SHA384")                                                  \
    X(CHACHA20, "TLS_CHACHA20_POLY1305_SHA256")                                          \
    X(ECDSA_AES256, "ECDHE-ECDSA-AES256-GCM-SHA384")                                     \
    X(RSA_AES256, "ECDHE-RSA-AES256-GCM-SHA384")                                         \
    X(ECDSA_AES128, "ECDHE-ECDSA-AES128-GCM-SHA256")                                     \
    X(RSA_AES128, "ECDHE-RSA-AES128-GCM-SHA256")                                         \
    X(ECDSA_CHACHA20, "ECDHE-ECDSA-CHACHA20-POLY1305")                                   \
    X(RSA_CHACHA20, "ECDHE-RSA-CHACHA20-POLY1305")                                       \
    X(OTHER, "other")

/* The signature that we made with the certificate's key. NONE: a resumed session, or
 * static RSA. */
#define TLS_SIGNATURE_KINDS(X)                                                           \
    X(RSA, "RSA") X(ECDSA, "ECDSA") X(NONE, "none") X(OTHER, "other")

#define TLS_FAILURE_KINDS(X)                                                             \
    X(OLD_VERSION, "old-version") /* the client offers nothing newer than TLS 1.1 */     \
    X(NO_VERSION, "no-common-version")                                                   \
    X(NO_GROUP, "no-common-group")                                                       \
    X(NO_CIPHER, "no-common-cipher")                                                     \
    X(NO_SIGNATURE, "no-common-signature")                                               \
    X(NO_ALPN, "no-common-alpn")                                                         \
    X(NO_CLIENT_CERT, "client-certificate-missing")                                      \
    X(BAD_CLIENT_CERT, "client-certificate-refused")                                     \
    X(UNKNOWN_CA, "unknown-ca") /* from here on: named by the client's alert */          \
    X(BAD_CERTIFICATE, "bad-certificate")                                                \
    X(EXPIRED, "certificate-expired")                                                    \
    X(REVOKED, "certificate-revoked")                                                    \
    X(WRONG_HOST, "wrong-host") /* internal_error: stunnel's alert for it */             \
    X(OTHER_ALERT, "other-alert")                                                        \
    X(PLAIN_HTTP, "plain-http")                                                          \
    X(PROXY_PROTOCOL, "proxy-protocol")                                                  \
    X(NOT_TLS, "not-tls")                                                                \
    X(PROTOCOL, "protocol-error")                                                        \
    X(FLOOD, "flood")                                                                    \
    X(TIMEOUT, "timeout")                                                                \
    X(GONE, "gone")                                                                      \
    X(SHED, "shed")                                                                      \
    X(OTHER, "other")

#define X(name, text) TLS_VERSION_##name,
enum tls_version_kind { TLS_VERSION_KINDS(X) TLS_VERSION_KIND_COUNT };
#undef X
#define X(name, text) TLS_GROUP_##name,
enum tls_group_kind { TLS_GROUP_KINDS(X) TLS_GROUP_KIND_COUNT };
#undef X
#define X(name, text) TLS_CIPHER_##name,
enum tls_cipher_kind { TLS_CIPHER_KINDS(X) TLS_CIPHER_KIND_COUNT };
#undef X
#define X(name, text) TLS_SIGNATURE_##name,
enum tls_signature_kind { TLS_SIGNATURE_KINDS(X) TLS_SIGNATURE_KIND_COUNT };
#undef X
#define X(name, text) TLS_FAILURE_##name,
enum tls_failure_kind { TLS_FAILURE_KINDS(X) TLS_FAILURE_KIND_COUNT };
#undef X

/* All members are counts, because the struct is summed and printed as an array. */
struct tls_counts {
    uint64_t engines[TLS_ENGINE_COUNT];
    uint64_t versions[TLS_VERSION_KIND_COUNT];
    uint64_t groups[TLS_GROUP_KIND_COUNT];
    uint64_t ciphers[TLS_CIPHER_KIND_COUNT];
    uint64_t signatures[TLS_SIGNATURE_KIND_COUNT];
    uint64_t failures[TLS_FAILURE_KIND_COUNT];
};

/* One entry for each array of struct tls_counts: its title, and the names of its
 * elements. */
struct tls_counts_list {
    const char *title; /* "versions" */
    const char *const *names;
    size_t count, offset;
};
enum { TLS_COUNTS_LISTS = 6 };
extern const struct tls_counts_list tls_counts_lists[TLS_COUNTS_LISTS];

extern const char *const tls_engine_names[]; /* by enum tls_engine_choice */
extern const char *const tls_group_names[]; /* by enum tls_group_kind */

const uint64_t *tls_counts_of(
    const struct tls_counts *tally, const struct tls_counts_list *list);

#endif
