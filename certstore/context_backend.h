/*
 * context_backend.h - TLS to the backends of one service, where the proxy is the client,
 * as an SSL_CTX.
 *
 * TLS 1.2 and 1.3, ECDHE with AEAD only, the groups of the service, no renegotiation. The
 * backend's certificate is verified by issuers (RFC 5280, 6) and by name (RFC 9525), by
 * pins, or both; backend_verify = off alone switches that off. One context per service
 * and generation. It belongs to one worker thread.
 */
#ifndef WLBPROXY_CERTSTORE_CONTEXT_BACKEND_H
#define WLBPROXY_CERTSTORE_CONTEXT_BACKEND_H

#include <stdbool.h>

#include <openssl/types.h>

struct credential;
struct error;
struct service_settings;

/* Issuers count for the service: it verifies its backends, and not by pins alone. */
bool context_backend_wants_ca(const struct service_settings *service);

/* `credential` is shown to backends that ask for a certificate; NULL: there is none.
 * ca_pem: the issuers, NULL where none are wanted. libctx NULL = default. */
SSL_CTX *context_backend_new(OSSL_LIB_CTX *libctx, const struct service_settings *service,
    struct credential *credential, const char *ca_pem, struct error *err);

/* To be called before the handshake of a session. The backend's certificate has to have
 * this name; a host name is sent as SNI, an address is not (RFC 6066, 3). */
void context_backend_begin(SSL *ssl, const char *name);

/* Says in words why a handshake refused the backend's certificate, and what to do; NULL:
 * it was not refused. Lives with the session. */
const char *context_backend_refusal(const SSL *ssl);

#endif
