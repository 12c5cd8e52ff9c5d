/*
 * schedule.h - the key schedule of TLS 1.3 (RFC 8446, 7.1). Pure computation; secrets are
 * as long as the digest.
 *
 *     begin(psk)                     Early Secret
 *     enter(shared secret)           Handshake Secret
 *     enter(nothing)                 Master Secret
 */
#ifndef WLBPROXY_TLS_NATIVE_SCHEDULE_H
#define WLBPROXY_TLS_NATIVE_SCHEDULE_H

#include <stddef.h>

#include "proxy/crypto/digest.h"

/* The present secret, ready to derive from. */
struct schedule {
    const struct digest *digest;
    struct digest_key secret;
};

void schedule_begin(
    struct schedule *schedule, const struct digest *digest, const unsigned char *psk);
/* input NULL: as many zeros as the digest has bytes. */
void schedule_enter(
    struct schedule *schedule, const unsigned char *input, size_t input_len);
/* Derive-Secret(secret, label, messages), where `messages` is their digest. */
void schedule_derive(const struct schedule *schedule, const char *label,
    const unsigned char *messages, unsigned char *derived);

/* RFC 8446, 4.4.4: computes the content of a Finished, or a binder, from its sender's
 * secret. */
void schedule_verify_data(const struct digest *digest, const unsigned char *secret,
    const unsigned char *messages, unsigned char *data);
/* RFC 8446, 4.6.1: the PSK of a ticket. */
void schedule_psk(const struct digest *digest, const unsigned char *resumption_secret,
    const unsigned char *nonce, size_t nonce_len, unsigned char *psk);

#endif
