/*
 * context_parts.h - what we keep beside an SSL_CTX, for the files that build one.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_PARTS_H
#define WLBPROXY_CERTSTORE_CONTEXT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certstore/context.h"
#include "certstore/tls_policy.h"

/* Lives as long as the SSL_CTX: an SSL may outlive context_free(). */
struct context_state {
    struct tls_policy policy;
    OSSL_LIB_CTX *libctx;
    EVP_CIPHER *ticket_cipher;
    void *owner; /* see context_owner() */
    SSL_CTX *successor; /* whose certificates are shown instead; NULL: its own */
    const struct sni_choice *choices; /* borrowed */
    size_t choice_count;
};

struct context_state *context_state(const SSL_CTX *context);
const struct context_state *context_state_of(const SSL *ssl);

/* The numbers of what OpenSSL has made of the policy's texts. */
void context_resolve_policy(SSL_CTX *context, struct tls_policy *policy);

/* Digest of the host name that a ClientHello under way asks for (session.h). */
bool context_host_digest(SSL *ssl, unsigned char *host);

/* Makes context_supersede() possible. */
void context_watch_successor(SSL_CTX *context);

/* Whom the service trusts to name its clients. */
bool context_set_client_verification(
    SSL_CTX *context, OSSL_LIB_CTX *libctx, struct tls_policy *policy, struct error *err);

#endif
