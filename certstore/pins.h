/*
 * pins.h - certificates that are known themselves, by the SHA-256 of the certificate or
 * of its public key (verify_pins, backend_pins).
 */
#ifndef WLBPROXY_CERTSTORE_PINS_H
#define WLBPROXY_CERTSTORE_PINS_H

#include <stdbool.h>

#include <openssl/types.h>

struct text_list;

bool pins_have(const struct text_list *pins, X509 *certificate);

/* A verify callback of X509_STORE_CTX_set_verify_cb() where there are no issuers to
 * trust, for the pinned certificate is what is trusted: that no issuer is known is
 * overlooked, nothing else about the certificate itself. */
int pins_overlook_issuer(int ok, X509_STORE_CTX *store);

#endif
