/*
 * prf.h - the pseudorandom function of TLS 1.2 (RFC 5246, 5), for OpenSSL's handshakes (by
 * provider.h) and for ours. The one of TLS 1.0 and 1.1 is not here, nor are they served.
 */
#ifndef WLBPROXY_CRYPTO_PRF_H
#define WLBPROXY_CRYPTO_PRF_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/crypto/digest.h"

enum { PRF_PARTS_MAX = DIGEST_PARTS_MAX - 1 };

/* `parts` are label and seed, one after the other. False only when OpenSSL fails, or there
 * are too many. */
bool prf(const struct digest *digest, struct digest_part secret,
    const struct digest_part *parts, size_t count, unsigned char *out, size_t len);

#endif
