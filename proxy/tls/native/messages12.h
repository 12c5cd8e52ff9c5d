/*
 * messages12.h - the handshake messages of TLS 1.2 as bytes (RFC 5246, 7.4; RFC 8422, 5;
 * RFC 5077, 3.3). A server's messages are written with their headers, a client's are
 * read. Extensions stand in OpenSSL's order. Pure functions; those that write return the
 * length.
 */
#ifndef WLBPROXY_TLS_NATIVE_MESSAGES12_H
#define WLBPROXY_TLS_NATIVE_MESSAGES12_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/signing.h"
#include "proxy/tls/native/keys12.h"

enum {
    MESSAGE_HEADER_12 = 4,
    PARAMETERS_12_MAX = 4 + KEY_EXCHANGE_PUBLIC_MAX,
    /* The room that each needs. */
    SERVER_HELLO_12_MAX = 512,
    SERVER_KEY_EXCHANGE_12_MAX =
        MESSAGE_HEADER_12 + PARAMETERS_12_MAX + 4 + SIGNATURE_MAX,
    SERVER_HELLO_DONE_12 = MESSAGE_HEADER_12,
    FINISHED_12 = MESSAGE_HEADER_12 + VERIFY_DATA_12,
};

struct server_hello_12 {
    const unsigned char *random; /* RANDOM_12 bytes */
    const unsigned char *session_id;
    size_t session_id_len; /* 0 to 32 */
    uint16_t suite;
    /* Extensions in answer to the client's. */
    bool renegotiation, point_formats, ticket, extended_master_secret;
    const unsigned char *alpn; /* the chosen name */
    size_t alpn_len; /* 0: none; at most 255 */
};
size_t server_hello_12(const struct server_hello_12 *hello, unsigned char *to);

/* Marks that the server supports TLS 1.3 (RFC 8446, 4.1.3). */
void mark_downgrade_12(unsigned char random[RANDOM_12]);

/* Writes ServerECDHParams: the signature of ServerKeyExchange covers them, after the
 * random values of client and server. */
size_t exchange_parameters_12(const struct key_exchange_group *group,
    const struct key_exchange_key *key, unsigned char to[PARAMETERS_12_MAX]);
size_t server_key_exchange_12(const unsigned char *parameters, size_t parameters_len,
    uint16_t scheme, const unsigned char *signature, size_t signature_len,
    unsigned char *to);

size_t server_hello_done_12(unsigned char to[SERVER_HELLO_DONE_12]);
/* Needs room for MESSAGE_HEADER_12 + 6 + len. */
size_t new_session_ticket_12(
    uint32_t lifetime, const unsigned char *ticket, size_t len, unsigned char *to);
size_t finished_12(
    const unsigned char verify_data[VERIFY_DATA_12], unsigned char to[FINISHED_12]);

/* Reads the client's public key from the body of its ClientKeyExchange; false: malformed.
 * It does not check that it is a point of the curve. */
bool client_key_exchange_12(const unsigned char *body, size_t len,
    const unsigned char **point, size_t *point_len);

#endif
