/*
 * context_client.h - the verification of client certificates (RFC 5280, 6), by the
 * policy's issuers, revocation lists, pins and names.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_CLIENT_H
#define WLBPROXY_CERTSTORE_CONTEXT_CLIENT_H

#include <stdbool.h>

#include <openssl/types.h>

struct error;
struct tls_policy;

/* `policy` lives as long as the context; its trusts_pins_alone and crl_ends are filled.
 * False: its ca_pem or crl_pem cannot be used. */
bool context_set_client_verification(
    SSL_CTX *context, OSSL_LIB_CTX *libctx, struct tls_policy *policy, struct error *err);

#endif
