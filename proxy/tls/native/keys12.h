/*
 * keys12.h - the secrets of TLS 1.2 (RFC 5246, 6.3, 7.4.9 and 8.1; RFC 7627, 4). Pure
 * functions; the digest is that of the cipher suite.
 */
#ifndef WLBPROXY_TLS_NATIVE_KEYS12_H
#define WLBPROXY_TLS_NATIVE_KEYS12_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/crypto/digest.h"

enum { MASTER_12 = 48, VERIFY_DATA_12 = 12, RANDOM_12 = 32 };

/* `messages` is the digest of all handshake messages up to ClientKeyExchange. */
void master_secret_12(const struct digest *digest, struct digest_part premaster,
    const unsigned char *messages, unsigned char master[MASTER_12]);

/* These derive from the master secret, MASTER_12 bytes prepared as a key. */
void key_block_12(const struct digest_key *master,
    const unsigned char client_random[RANDOM_12],
    const unsigned char server_random[RANDOM_12], unsigned char *block, size_t len);

/* Computes the verify_data of a Finished, the client's or the server's; `messages` is the
 * digest of all handshake messages before it. */
void verify_data_12(const struct digest_key *master, bool of_client,
    const unsigned char *messages, unsigned char data[VERIFY_DATA_12]);

#endif
