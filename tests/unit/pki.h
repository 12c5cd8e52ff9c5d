/*
 * pki.h - keys and certificates for tests, made at run time.
 */
#ifndef WLBPROXY_TESTS_PKI_H
#define WLBPROXY_TESTS_PKI_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

enum { PKI_DAY = 24 * 3600, PKI_NOW = 1800000000 };

struct pki_request {
    const char *subject; /* the CN; NULL: none */
    const char *alternative; /* "DNS:a,IP:1.2.3.4"; NULL: none */
    const char *usage; /* extended key usage; NULL: none */
    const char *digest; /* NULL: SHA256 */
    const char *extensions; /* further extensions: "NAME=VALUE|NAME=VALUE"; NULL: none */
    bool ca;
    long from_days, to_days; /* from PKI_NOW; both 0: -1 and 365 */
};

/* "RSA:2048", "EC:P-256", "ED25519", "RSA-PSS:2048:SHA512", ... made once each per
 * `slot`, kept until exit. */
EVP_PKEY *pki_key(const char *kind, int slot);

/* issuer NULL: self-signed. The caller frees. */
X509 *pki_certificate(
    const struct pki_request *request, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* PEM text, kept until exit. */
const char *pki_pem(X509 *certificate);
const char *pki_key_pem(EVP_PKEY *key);
/* Concatenates up to NULL; kept until exit. */
const char *pki_join(const char *first, ...) __attribute__((sentinel));

#endif
