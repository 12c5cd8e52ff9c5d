/*
 * ticket.h - session tickets (RFC 5077, RFC 8446 section 4.6.1) of native handshakes,
 * under the same keys as certstore/ticket.h, but in a format of our own:
 *
 *     name     16   of the key, every bit inverted
 *     salt     16   fresh random bytes
 *     sealed   ...  AES-256-GCM under HMAC-SHA256(key, salt), the name authenticated too
 *
 * A ticket of OpenSSL's has the key's name as it is, so that neither engine takes a
 * ticket of the other. Every ticket has a key of its own, so no nonce can repeat, however
 * many workers seal under the same keys. Pure functions.
 */
#ifndef WLBPROXY_TLS_NATIVE_TICKET_H
#define WLBPROXY_TLS_NATIVE_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certstore/context.h"
#include "certstore/session.h"

enum {
    TICKET_SECRET_MAX = 48,
    TICKET_SALT = 16,
    TICKET_STATE = 1 + 2 + 2 + 2 + 4 + 1 + TICKET_SECRET_MAX + SESSION_BOND_LEN,
    TICKET_LEN = 16 + TICKET_SALT + TICKET_STATE + 16 /* all have this length */
};

/* The session that a ticket resumes. */
struct ticket {
    uint16_t version; /* 0x0303 or 0x0304 */
    uint16_t suite, group; /* as IANA numbers them */
    uint32_t age_add; /* TLS 1.3 */
    uint8_t secret_len;
    unsigned char secret[TICKET_SECRET_MAX]; /* TLS 1.3: the PSK; 1.2: master secret */
    struct session_bond bond;
};

enum ticket_verdict {
    TICKET_UNKNOWN, /* not ours, or damaged, or its key has gone: `ticket` is all zero */
    TICKET_OPENED,
    TICKET_OPENED_BY_OLD_KEY, /* the client should get a fresh one */
};

/* NULL counts as no key. */
bool ticket_is_possible(const struct ticket_keys *keys, uint64_t now);

/* Call it where ticket_is_possible(). False only when OpenSSL fails. */
bool ticket_seal(const struct ticket_keys *keys, const struct ticket *ticket,
    const unsigned char salt[TICKET_SALT], unsigned char sealed[TICKET_LEN]);

/* Does not judge whether the session is still valid, or valid here. */
enum ticket_verdict ticket_open(const struct ticket_keys *keys, uint64_t now,
    const unsigned char *sealed, size_t len, struct ticket *ticket);

void ticket_wipe(struct ticket *ticket);

#endif
