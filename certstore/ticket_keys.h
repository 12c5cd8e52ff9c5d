/*
 * ticket_keys.h - the keys that seal session tickets. The master makes them and rotates
 * them by time; all workers have the same, and reloads keep them. Times are seconds since
 * 1970.
 */
#ifndef WLBPROXY_CERTSTORE_TICKET_KEYS_H
#define WLBPROXY_CERTSTORE_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum { TICKET_KEYS_MAX = 8, SESSION_SECONDS = 3600 };

struct ticket_key {
    unsigned char name[16];
    unsigned char aes[32], hmac[32]; /* for tickets of the openssl engine */
    unsigned char native[32]; /* for tickets of the native engine */
    uint64_t ends; /* from then on it opens nothing; 0: never */
};

/* keys[0] seals. Each opens until it ends. */
struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_MAX];
    uint32_t count;
    uint32_t lifetime; /* seconds a session lasts; 0: SESSION_SECONDS */
};

uint32_t ticket_lifetime(const struct ticket_keys *keys); /* NULL: SESSION_SECONDS */
bool ticket_key_opens(const struct ticket_key *key, uint64_t now);
/* NULL: there is none, or it has ended. */
const struct ticket_key *ticket_key_to_seal(const struct ticket_keys *keys, uint64_t now);

#endif
