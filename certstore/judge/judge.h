/*
 * judge.h - one judgement about a certificate chain and its key: what can be served, in
 * which order, and what there is to say about it. Start, reload, `check` and `cert
 * install` all come here. Pure: no I/O, and the time is given.
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
    bool password_given; /* one was tried on what is still encrypted */
    bool without_key; /* judge the chain alone; `pair` gets no key */
    bool send_root; /* false: a self-signed root after the leaf is trimmed */
    time_t now;
    OSSL_LIB_CTX *libctx;
};

/* True if it can be served: no finding of SEVERITY_REFUSED was added. Else *pair is
 * empty. */
bool judge_pair(
    const struct judge_input *input, struct judged_pair *pair, struct findings *findings);

/* Whether TLS 1.2 has a cipher for the keys of the service. With a `signer` RSA key
 * exchange is none. */
void judge_ciphers(const struct service_settings *service,
    struct credential *const *credentials, size_t count, bool signer,
    struct findings *findings);

/* What only shows in a service as a whole: whether XenServer's client can connect to it.
 */
void judge_service(const struct service_settings *service,
    struct credential *const *credentials, size_t count, struct findings *findings);

/* What would lock the clients of a service with `verify` out, now or soon: issuers and
 * revocation lists, from the texts of its files (trust.h). What cannot be read is told
 * elsewhere. */
void judge_trust(const struct service_settings *service, const char *ca_pem,
    const char *crl_pem, time_t now, struct findings *findings);

/* XenServer connects to it: it does not name a service (SNI), and is told not to where
 * `xenserver = off`. */
bool judge_serves_xenserver(const struct service_settings *service);

/* The one of these that XenServer gets; NULL if there is none. */
struct credential *judge_presented(struct credential *const *credentials, size_t count);

/* A service as it is, or is to be. */
struct judged_service {
    const struct service_settings *settings;
    struct credential *const *credentials;
    size_t count;
};

/* What XenServer can use of `served` and could not use of `fresh`: a finding
 * "xenserver-lost" of this severity for each. False: there is none. */
bool judge_lost(const struct judged_service *served, const struct judged_service *fresh,
    time_t now, enum severity severity, struct findings *findings);

/* Whether the leaf answers to the address clients use (the text in their URL). */
void judge_address(
    X509 *leaf, const char *file, const char *address, struct findings *findings);

#endif
