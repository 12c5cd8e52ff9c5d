/*
 * make_certificate.h - a self-signed server certificate, and the request for a real one.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_MAKE_CERTIFICATE_H
#define WLBPROXY_CERTSTORE_INSTALL_MAKE_CERTIFICATE_H

#include <stdint.h>
#include <time.h>

#include <openssl/types.h>

struct error;
struct subject;
struct X509_req_st; /* X509_REQ */

enum { CERTIFICATE_DAYS = 398, CERTIFICATE_DAYS_MAX = 3650 };

/* No CA, SHA-256, a random serial of 16 bytes. It is valid from an hour ago, for clients
 * whose clock is slow. NULL and err if OpenSSL cannot sign it. */
X509 *certificate_make(const struct subject *subject, uint32_t days, EVP_PKEY *key,
    time_t now, struct error *err);

/* PKCS#10 (RFC 2986), with all extensions that a server certificate should have. */
struct X509_req_st *request_make(
    const struct subject *subject, EVP_PKEY *key, struct error *err);

#endif
