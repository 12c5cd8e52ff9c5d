/*
 * forging_records.h - one direction of a client's record layer: seals and opens records
 * of TLS 1.2 and 1.3 (RFC 8446, 5.2; RFC 5246, 6.2.3).
 */
#ifndef WLBPROXY_TESTS_FORGING_RECORDS_H
#define WLBPROXY_TESTS_FORGING_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/record_cipher.h"

enum {
    FORGING_HEADER = 5,
    FORGING_EXPLICIT = 8, /* of the nonce, with TLS 1.2's AES-GCM */
    FORGING_FIXED = 4,
    FORGING_PLAIN_MAX = 16384 + 1024,
    FORGING_RECORD_MAX = 2 * FORGING_PLAIN_MAX
};

struct forging_direction {
    bool sealed, tls13;
    const struct digest *digest;
    struct record_key key;
    unsigned char iv[RECORD_NONCE], secret[DIGEST_MAX];
    uint64_t sequence;
};

bool forging_has_explicit_nonce(bool tls13, enum record_cipher cipher);

/* Sets the keys of TLS 1.2. */
void forging_use_key(struct forging_direction *direction, enum record_cipher cipher,
    bool seals, const unsigned char *key, const unsigned char *iv, size_t iv_len);
/* The first sets TLS 1.3's keys from a secret of the digest's length; the second those of
 * the next secret (7.2). */
void forging_use_secret(struct forging_direction *direction, enum record_cipher cipher,
    const struct digest *digest, bool seals, const unsigned char *secret);
void forging_use_next(struct forging_direction *direction);
void forging_direction_end(struct forging_direction *direction);

/* Returns the record's length. `padding` is TLS 1.3's. */
size_t forging_seal(struct forging_direction *direction, int type,
    const unsigned char *bytes, size_t len, size_t padding,
    unsigned char record[FORGING_RECORD_MAX]);
/* *type and *len are the record's at first, and then those of its content. */
bool forging_open(struct forging_direction *direction, const unsigned char *record,
    int *type, size_t *len, unsigned char plain[FORGING_RECORD_MAX]);

#endif
