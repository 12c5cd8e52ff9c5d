/*
 * ticket_keys.h - the keys that session tickets are sealed with: the master makes them,
 * all workers have the same, they are rotated by time and kept over reloads. Times are
 * seconds since 1970.
 */
#ifndef WLBPROXY_CERTSTORE_TICKET_KEYS_H
#define WLBPROXY_CERTSTORE_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum { TICKET_KEYS_MAX = 8, SESSION_SECONDS = 3600 };

struct ticket_key {
    unsigned char name[16];
    unsigned char aes[32], hmac[32]; /* of the openssl engine's tickets */
    unsigned char native[32]; /* of the native engine's */
    uint64_t ends; /* it opens nothing from then on; 0: never */
};

/* keys[0] seals; all of them open until they end. */
struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_MAX];
    uint32_t count;
    uint32_t lifetime; /* of a session, in seconds; 0: SESSION_SECONDS */
};

uint32_t ticket_lifetime(const struct ticket_keys *keys); /* NULL: SESSION_SECONDS */
bool ticket_key_opens(const struct ticket_key *key, uint64_t now);
/* NULL: there is none, or it has ended. */
const struct ticket_key *ticket_key_to_seal(const struct ticket_keys *keys, uint64_t now);

#endif
