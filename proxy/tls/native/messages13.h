/*
 * messages13.h - the messages of a TLS 1.3 server as bytes (RFC 8446, 4), with headers.
 * Extensions stand in OpenSSL's order. Pure functions, which return the length.
 */
#ifndef WLBPROXY_TLS_NATIVE_MESSAGES13_H
#define WLBPROXY_TLS_NATIVE_MESSAGES13_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/bytes.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/signing.h"
#include "proxy/tls/native/policy.h"
#include "proxy/tls/native/ticket.h"

enum {
    MESSAGE_HEADER_13 = 4,
    RANDOM_13 = 32,
    /* The room that each needs; a Finished may be shorter. */
    SERVER_HELLO_13_MAX = 256,
    EXTENSIONS_13_MAX = 320,
    VERIFY_13_MAX = MESSAGE_HEADER_13 + 4 + SIGNATURE_MAX,
    FINISHED_13_MAX = MESSAGE_HEADER_13 + DIGEST_MAX,
    TICKET_NONCE_13 = 8,
    NEW_TICKET_13 = MESSAGE_HEADER_13 + 4 + 4 + 1 + TICKET_NONCE_13 + 2 + TICKET_LEN + 2
};

struct server_hello_13 {
    const unsigned char *random; /* RANDOM_13 bytes */
    struct bytes session_id; /* copied from the client */
    uint16_t suite;
    const struct key_exchange_group *group;
    const struct key_exchange_key *own; /* our share */
    bool resumed;
    size_t identity; /* resumed: index of the client's identity */
};
size_t server_hello_13(
    const struct server_hello_13 *hello, unsigned char to[SERVER_HELLO_13_MAX]);

/* `group` is the one in use; `protocol` is ALPN's choice, or NULL. */
size_t encrypted_extensions_13(const struct policy *policy,
    const struct key_exchange_group *group, const char *protocol,
    unsigned char to[EXTENSIONS_13_MAX]);

/* Hashes the content to sign (RFC 8446, 4.4.3); `messages` is the transcript's hash. */
void hash_to_sign_13(const struct scheme *scheme, const struct digest *digest,
    const unsigned char *messages, unsigned char *hash);
size_t certificate_verify_13(uint16_t scheme, const unsigned char *signature,
    size_t signature_len, unsigned char to[VERIFY_13_MAX]);
size_t finished_13(const unsigned char *data, size_t len, unsigned char *to);
size_t new_session_ticket_13(uint32_t lifetime, uint32_t age_add,
    const unsigned char nonce[TICKET_NONCE_13], const unsigned char ticket[TICKET_LEN],
    unsigned char to[NEW_TICKET_13]);

#endif
