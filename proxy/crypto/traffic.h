/*
 * traffic.h - what a handshake agreed on to protect its records with, noted as the key
 * schedule derives it: libssl has no function that tells.
 *
 * A process is one thread, and every derivation happens inside SSL_do_handshake(), so it
 * belongs to the session that was named last.
 */
#ifndef WLBPROXY_CRYPTO_TRAFFIC_H
#define WLBPROXY_CRYPTO_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/crypto/digest.h"

enum { TRAFFIC_BLOCK_MAX = 2 * (32 + 12) };

struct traffic {
    const struct digest *digest; /* NULL: nothing was derived yet */
    /* TLS 1.3 (RFC 8446, 7.1): client_ and server_application_traffic_secret_0, of the
     * digest's length each. */
    bool has_client, has_server;
    unsigned char client[DIGEST_MAX], server[DIGEST_MAX];
    /* TLS 1.2 (RFC 5246, 6.3): the key block, as far as it is needed. */
    size_t block_len;
    unsigned char block[TRAFFIC_BLOCK_MAX];
};

/* From now on; NULL: nobody. Borrowed until the next call. */
void traffic_watch(struct traffic *of);
bool traffic_is_known(const struct traffic *traffic); /* ours to write with */
void traffic_wipe(struct traffic *traffic);

/* From the key schedule: whatever was derived, by its label. */
void traffic_note(const struct digest *digest, struct digest_part label,
    const unsigned char *bytes, size_t len);

/* RFC 8446, 7.1: HKDF-Expand-Label(secret, label, context, len) with a secret made ready,
 * and up to the digest's length. */
void traffic_expand_by(const struct digest_key *secret, const char *label,
    const unsigned char *context, size_t context_len, unsigned char *out, size_t len);

/* With a secret of the digest's length, and no context. False: too long. */
bool traffic_expand(const struct digest *digest, const unsigned char *secret,
    const char *label, unsigned char *out, size_t len);

#endif
