/*
 * context.h - the TLS policy of one service as an SSL_CTX.
 *
 * TLS 1.2 and 1.3, ECDHE with AEAD only, server preference, no renegotiation, no
 * compression, P-384 always, one ticket per TLS 1.3 handshake, no internal session cache,
 * the explicit chain of the credentials. One context per service and generation, never
 * one per connection. It belongs to one worker thread.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_H
#define WLBPROXY_CERTSTORE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "certstore/ticket_keys.h"
#include "certstore/tls_policy.h"

struct credential;
struct error;
struct service_settings;

/* `tickets` is borrowed and read at every handshake, so that the worker may change it in
 * place when the master rotates keys. libctx NULL: the default. ca_pem, crl_pem: contents
 * of the service's files, NULL where there are none. Tickets are bound to `service` and
 * its verification policy (session id context). */
SSL_CTX *context_new(OSSL_LIB_CTX *libctx, const struct service_settings *service,
    struct credential *const *credentials, size_t count,
    const struct ticket_keys *tickets, const char *ca_pem, const char *crl_pem,
    struct error *err);

/* Selection by SNI (RFC 6066 section 3) on one address. A name that matches nothing stays
 * with the context the connection was accepted with. The choice precedes the ticket, so
 * that no session crosses from one service to another. Uses the ClientHello callback of
 * `fallback`. All is borrowed for the life of the default context; the choices are
 * sorted. */
struct sni_choice {
    const char *name; /* exact, or "*.example.com" */
    SSL_CTX *context;
    void *owner; /* the service, which context_owner() returns */
};
void context_set_sni(SSL_CTX *fallback, struct sni_choice *choices, size_t count);

/* Returns `owner` of the choice that has this context; NULL for every other context. With
 * SSL_get_SSL_CTX() it tells the service of a session. */
void *context_owner(const SSL_CTX *context);

/* From now on sessions of `context` that have not chosen their certificate yet, and all
 * later ones, show those of `fresh`: a ClientHello may take its time, and no handshake
 * may show an old certificate after a reload. Takes a reference, and releases the one
 * before. */
void context_supersede(SSL_CTX *context, SSL_CTX *fresh);

/* The policy of the context, one value for both engines. Lives with the context. */
const struct tls_policy *context_policy(
    const SSL_CTX *context); /* NULL: not made by context_new() */

/* Returns the context for a host name without NUL. An empty name, or one longer than DNS
 * allows, leads to `fallback`. */
SSL_CTX *context_by_name(SSL_CTX *fallback, const unsigned char *name, size_t len);
/* Returns the context whose certificates are shown: itself, or its successor by
 * context_supersede(). */
SSL_CTX *context_shown(SSL_CTX *context);

void context_free(SSL_CTX *context);

#endif
