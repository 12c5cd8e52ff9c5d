/*
 * multibuffer.h - Intel's crypto_mb: one private key operation on eight keys at a time.
 *
 * The library is found at run time and called through this table. Numbers are arrays of
 * 64-bit limbs, least significant first; byte strings are big-endian. No lane may be
 * NULL. Its private key operations run in constant time: no branch and no address depends
 * on a secret, so nothing is blinded around them.
 */
#ifndef WLBPROXY_CRYPTO_MULTIBUFFER_H
#define WLBPROXY_CRYPTO_MULTIBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum { LANES = 8, LIMB_BYTES = 8 };

typedef uint64_t *const limbs_out[LANES];
typedef const uint64_t *const limbs_in[LANES];
typedef uint8_t *const bytes_out[LANES];
typedef const uint8_t *const bytes_in[LANES];

/* Four bits a lane, lane 0 lowest; 0 is success. */
typedef uint32_t lane_status;

typedef lane_status multibuffer_public(
    limbs_out x, limbs_out y, limbs_out z, limbs_in scalar, uint8_t *unused);
typedef lane_status multibuffer_ecdh(bytes_out shared, limbs_in scalar, limbs_in x,
    limbs_in y, limbs_in z, uint8_t *unused);
typedef lane_status multibuffer_ecdsa(bytes_out r, bytes_out s, bytes_in digest,
    limbs_in nonce, limbs_in scalar, uint8_t *unused);

struct multibuffer {
    multibuffer_public *p256_public, *p384_public;
    multibuffer_ecdh *p256_ecdh, *p384_ecdh;
    multibuffer_ecdsa *p256_ecdsa, *p384_ecdsa;
    lane_status (*rsa_private)(bytes_in from, bytes_out to, limbs_in p, limbs_in q,
        limbs_in dp, limbs_in dq, limbs_in qinv, int bits, const void *method,
        uint8_t *scratch);
    const void *(*rsa_private_method)(int bits);
    int (*rsa_scratch_len)(const void *method);
    unsigned long long (*algorithm_lanes)(int algorithm);
    const struct multibuffer_version *(*version)(void);
    char description[32]; /* "crypto_mb 1.0.11" */
};

/* Looks in the folders known at build time, never in the environment. False with the
 * reason, if the CPU has no AVX-512 IFMA or the library is missing. */
bool multibuffer_load(struct multibuffer *library, struct error *err);

static inline bool lane_ok(lane_status status, size_t lane)
{
    return ((status >> (lane * 4)) & 0xf) == 0;
}

#endif
