/*
 * key_exchange.h - ephemeral Diffie-Hellman on P-384, P-256 (RFC 8422, SEC 1) and X25519
 * (RFC 7748), eight keys at a time or one.
 *
 * A peer's key is checked before it is used with a secret: its length and form, that its
 * coordinates are reduced, that it is on the curve (for these curves of cofactor 1 this
 * rules out small subgroups, too). X25519 points of low order are refused, and so is an
 * all-zero result (RFC 8446, 7.4.2). Every key is used once, so that a peer who found an
 * input for which the library is wrong could learn nothing from it about any other
 * session.
 */
#ifndef WLBPROXY_CRYPTO_KEY_EXCHANGE_H
#define WLBPROXY_CRYPTO_KEY_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "proxy/crypto/multibuffer.h"

enum { KEY_EXCHANGE_P384, KEY_EXCHANGE_P256, KEY_EXCHANGE_X25519, KEY_EXCHANGE_GROUPS };

enum {
    KEY_EXCHANGE_LIMBS_MAX = 6,
    KEY_EXCHANGE_SECRET_MAX = 48,
    KEY_EXCHANGE_PUBLIC_MAX = 97
};

struct key_exchange_group {
    const char *algorithm; /* its name in our provider */
    const char *tls_name, *real_name; /* its names in OpenSSL's own provider */
    unsigned tls_id; /* RFC 8446, 4.2.7 */
    unsigned security_bits, bits;
    size_t limbs, public_len, secret_len;
    const uint64_t *prime, *order; /* NULL for X25519 */
};

extern const struct key_exchange_group key_exchange_groups[KEY_EXCHANGE_GROUPS];

/* Our key, or a peer's: then the scalar is zero. X25519's u coordinate is in x. */
struct key_exchange_key {
    uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX];
    uint64_t x[KEY_EXCHANGE_LIMBS_MAX], y[KEY_EXCHANGE_LIMBS_MAX];
};

struct key_exchange_job {
    const struct key_exchange_key *own, *peer;
    unsigned char *secret; /* the group's secret_len */
    bool ok; /* false: the peer's key was refused */
};

/* Draws new keys from libctx's private random generator. Without a library one by one. */
bool key_exchange_generate(const struct multibuffer *library, OSSL_LIB_CTX *libctx,
    const struct key_exchange_group *group, struct key_exchange_key keys[LANES]);

/* Writes the public key in TLS's form: public_len bytes. */
void key_exchange_encode(const struct key_exchange_group *group,
    const struct key_exchange_key *key, unsigned char *encoded);
/* Accepts only uncompressed points, reduced coordinates, and no X25519 point of low
 * order. */
bool key_exchange_decode(const struct key_exchange_group *group,
    struct key_exchange_key *key, const unsigned char *encoded, size_t len);

/* Runs up to LANES jobs at the price of one. A refused job's secret is all zero. */
void key_exchange_derive(const struct multibuffer *library,
    const struct key_exchange_group *group, struct key_exchange_job *jobs, size_t count);

/* Chooses p384.h for P-384, the default, or OpenSSL. */
void exchange_alone_start(bool own_p384);

/* Runs a single job: on P-384 by p384.h, on P-256 and X25519 by OpenSSL. On the first two
 * it needs less than half the time of a batch. */
typedef void key_exchange_alone(
    const struct key_exchange_group *group, struct key_exchange_job *job);
key_exchange_alone key_exchange_derive_alone;
/* Computes the public part of a key that has its scalar. */
bool key_exchange_public_alone(
    const struct key_exchange_group *group, struct key_exchange_key *key);

#endif
