/*
 * traffic.h - TLS 1.3's derivations from a secret, for traffic keys and others.
 */
#ifndef WLBPROXY_CRYPTO_TRAFFIC_H
#define WLBPROXY_CRYPTO_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/crypto/digest.h"

/* RFC 8446, 7.1: HKDF-Expand-Label(secret, label, context, len) with a prepared secret;
 * `len` is at most the digest's length. */
void traffic_expand_by(const struct digest_key *secret, const char *label,
    const unsigned char *context, size_t context_len, unsigned char *out, size_t len);

/* The same with a secret of the digest's length, and no context. False: too long. */
bool traffic_expand(const struct digest *digest, const unsigned char *secret,
    const char *label, unsigned char *out, size_t len);

#endif
