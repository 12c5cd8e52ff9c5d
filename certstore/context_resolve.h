/*
 * context_resolve.h - translates the texts of a policy, as OpenSSL reads them under the
 * machine's openssl.cnf(5), into the numbers of TLS, for the native engine.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_RESOLVE_H
#define WLBPROXY_CERTSTORE_CONTEXT_RESOLVE_H

#include <openssl/types.h>

struct tls_policy;

/* Fills the numbers of `policy`, which was applied to `context`. */
void context_resolve_policy(SSL_CTX *context, struct tls_policy *policy);

#endif
