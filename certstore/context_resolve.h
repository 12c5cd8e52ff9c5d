/*
 * context_resolve.h - what OpenSSL, under the machine's openssl.cnf(5), makes of a
 * policy's texts: TLS's numbers, for the engine that is not OpenSSL.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_RESOLVE_H
#define WLBPROXY_CERTSTORE_CONTEXT_RESOLVE_H

#include <openssl/types.h>

struct tls_policy;

/* Fills the numbers of `policy`, which was applied to `context`. */
void context_resolve_policy(SSL_CTX *context, struct tls_policy *policy);

#endif
