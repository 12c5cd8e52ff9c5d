/*
 * p384_field.h - numbers modulo p = 2^384 - 2^128 - 2^96 + 2^32 - 1 (FIPS 186-4,
 * D.1.2.4), for p384.c.
 *
 * Always below p, and in Montgomery form: a stands for a / 2^384. Nothing here branches
 * or forms an address on a number's value. Results may be written over operands.
 */
#ifndef WLBPROXY_CRYPTO_P384_FIELD_H
#define WLBPROXY_CRYPTO_P384_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/crypto/limbs.h"

enum { P384_LIMBS = 6 };

struct p384_number {
    uint64_t limbs[P384_LIMBS]; /* least significant first */
};

extern const uint64_t p384_prime[P384_LIMBS];
extern const struct p384_number p384_one;

/* p384_field_x86_can() returns whether this CPU has the instructions of p384_field_x86.S;
 * the other selects them. The C code is the default. */
bool p384_field_x86_can(void);
void p384_field_start(bool x86);

void p384_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_square(struct p384_number *out, const struct p384_number *a);
void p384_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b);
void p384_halve(struct p384_number *out, const struct p384_number *a);
/* 0 becomes 0. */
void p384_invert(struct p384_number *out, const struct p384_number *a);

/* Into Montgomery form (the limbs are below p), and out of it. */
void p384_enter(struct p384_number *out, const uint64_t limbs[P384_LIMBS]);
void p384_leave(uint64_t limbs[P384_LIMBS], const struct p384_number *a);

/* All ones or all zeros. */
static inline uint64_t p384_is_zero(const struct p384_number *a)
{
    uint64_t any = 0;

    for (size_t i = 0; i < P384_LIMBS; i++)
        any |= a->limbs[i];
    return limbs_mask(((any | (0 - any)) >> 63) ^ 1);
}

/* a where the mask is set, out as it was elsewhere. */
static inline void p384_select(
    struct p384_number *out, const struct p384_number *a, uint64_t mask)
{
    for (size_t i = 0; i < P384_LIMBS; i++)
        out->limbs[i] ^= (out->limbs[i] ^ a->limbs[i]) & mask;
}

#endif
