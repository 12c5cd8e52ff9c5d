/*
 * record_cipher.h - seals and opens the records of TLS 1.2 and 1.3 with AES-GCM and
 * ChaCha20-Poly1305 (RFC 5116, 8439).
 *
 * A key is small and lasts as long as its connection. The values computed from it, some
 * kilobytes, are in a cache that all keys of the process share: an idle connection has
 * none.
 */
#ifndef WLBPROXY_CRYPTO_RECORD_CIPHER_H
#define WLBPROXY_CRYPTO_RECORD_CIPHER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

enum record_cipher {
    RECORD_AES_128_GCM,
    RECORD_AES_256_GCM,
    RECORD_CHACHA20_POLY1305,
    RECORD_CIPHERS
};

enum { RECORD_KEY_MAX = 32, RECORD_NONCE = 12, RECORD_TAG = 16 };

struct record_slot;

/* One direction of one connection; embedded, and never moved. */
struct record_key {
    enum record_cipher cipher;
    bool seals;
    unsigned char bytes[RECORD_KEY_MAX];
    struct record_slot *slot; /* NULL: nothing is computed at present */
};

struct record_text {
    const unsigned char *nonce; /* RECORD_NONCE bytes, never twice with one key */
    const unsigned char *aad;
    size_t aad_len;
    const unsigned char *bytes;
    size_t len;
};

/* Chooses the fastest implementation that passes a self-test, or, without `fast`,
 * OpenSSL's. */
bool record_ciphers_start(OSSL_LIB_CTX *libctx, bool fast);
void record_ciphers_stop(void); /* call it when no key is in use */

size_t record_key_len(enum record_cipher cipher);

void record_key_init(struct record_key *key, enum record_cipher cipher, bool seals,
    const unsigned char *bytes);
void record_key_destroy(struct record_key *key); /* wipes */

/* Writes text.len bytes, the byte at `last` (NULL: none) and the tag. False only when
 * OpenSSL fails. */
bool record_seal(struct record_key *key, const struct record_text *text,
    const unsigned char *last, unsigned char *to);

/* text.len counts the tag, and is at least RECORD_TAG. False: the record is not
 * authentic; then `to`, RECORD_TAG bytes less than text.len, must not be used. */
bool record_open(
    struct record_key *key, const struct record_text *text, unsigned char *to);

#endif
