/*
 * prf.h - the pseudorandom function of TLS 1.2 (RFC 5246, 5), for OpenSSL's handshakes
 * (through provider.h) and for ours. The one of TLS 1.0 and 1.1 is not here, because
 * these are not served.
 */
#ifndef WLBPROXY_CRYPTO_PRF_H
#define WLBPROXY_CRYPTO_PRF_H

#include <stddef.h>

#include "proxy/crypto/digest.h"

enum { PRF_PARTS_MAX = 6 };

/* `parts` are label and seed, one after the other. */
void prf(const struct digest_key *secret, const struct digest_part *parts, size_t count,
    unsigned char *out, size_t len);

#endif
