/*
 * judge.h - one judgement about a certificate chain and its key: whether it can be
 * served, in which order, and every finding about it. Start, reload, `check` and `cert
 * install` all use it. Pure: no I/O, and the time is given.
 *
 * The ids of the findings are stable; the table in tests/unit/test_judge.c shows them
 * all.
 */
#ifndef WLBPROXY_CERTSTORE_JUDGE_JUDGE_H
#define WLBPROXY_CERTSTORE_JUDGE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/types.h>

#include "certstore/finding.h"

struct credential;
struct judged_pair;
struct service_settings;

struct judge_input {
    const char *cert_file; /* named in findings; may be NULL */
    const char *cert_text;
    size_t cert_len;
    const char *key_file; /* NULL: the key is in cert_text */
    const char *key_text;
    size_t key_len;
    bool password_given; /* a password was tried on blocks that are still encrypted */
    bool without_key; /* judge the chain alone; `pair` gets no key */
    bool send_root; /* false: a self-signed root after the leaf is trimmed */
    time_t now;
    OSSL_LIB_CTX *libctx;
};

/* True if it can be served: no finding of SEVERITY_REFUSED was added. Else *pair is
 * empty. */
bool judge_pair(
    const struct judge_input *input, struct judged_pair *pair, struct findings *findings);

/* Judges whether TLS 1.2 has a cipher for the keys of the service. With a `signer` RSA
 * key exchange does not count. */
void judge_ciphers(const struct service_settings *service,
    struct credential *const *credentials, size_t count, bool signer,
    struct findings *findings);

/* Judges the service as a whole: whether XenServer's client can connect to it. */
void judge_service(const struct service_settings *service,
    struct credential *const *credentials, size_t count, struct findings *findings);

/* Finds what would lock out the clients of a service with `verify`, now or soon, in the
 * texts of its issuers and revocation lists (trust.h). A file that cannot be read is
 * reported elsewhere. */
void judge_trust(const struct service_settings *service, const char *ca_pem,
    const char *crl_pem, time_t now, struct findings *findings);

/* The same of the issuers of `backend_ca`, and the backends that would be refused. */
void judge_backend_trust(const struct service_settings *service, const char *ca_pem,
    time_t now, struct findings *findings);

/* XenServer connects to the service unless `xenserver = off`, or clients choose it by
 * SNI, which XenServer does not send. */
bool judge_serves_xenserver(const struct service_settings *service);

/* Returns the credential that XenServer gets; NULL if there is none. */
struct credential *judge_presented(struct credential *const *credentials, size_t count);

/* A service as it is served, or is to be. */
struct judged_service {
    const struct service_settings *settings;
    struct credential *const *credentials;
    size_t count;
};

/* Adds a finding "xenserver-lost" of this severity for each certificate of `served` that
 * XenServer can use and no longer could with `fresh`. False: there is none. */
bool judge_lost(const struct judged_service *served, const struct judged_service *fresh,
    time_t now, enum severity severity, struct findings *findings);

/* Judges whether the leaf has the address that clients use (the text in their URL). */
void judge_address(
    X509 *leaf, const char *file, const char *address, struct findings *findings);

#endif
