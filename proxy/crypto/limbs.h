/*
 * limbs.h - numbers as 64-bit limbs, least significant first; nothing here branches on
 * them.
 */
#ifndef WLBPROXY_CRYPTO_LIMBS_H
#define WLBPROXY_CRYPTO_LIMBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All ones or all zeros. The compiler cannot see through it, so that it does not make a
 * branch of it. */
static inline uint64_t limbs_mask(uint64_t bit)
{
    uint64_t mask = 0 - bit;

    __asm__("" : "+r"(mask));
    return mask;
}

/* a < b: returns whether a - b borrows. */
static inline bool limbs_less(const uint64_t *a, const uint64_t *b, size_t count)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t difference = a[i] - b[i] - borrow;

        borrow = ((~a[i] & b[i]) | (~(a[i] ^ b[i]) & difference)) >> 63;
    }
    return borrow != 0;
}

static inline bool limbs_are_zero(const uint64_t *limbs, size_t count)
{
    uint64_t any = 0;

    for (size_t i = 0; i < count; i++)
        any |= limbs[i];
    return any == 0;
}

static inline void limbs_from_bytes(
    uint64_t *limbs, size_t count, const unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char *at = bytes + (count - 1 - i) * 8;
        uint64_t limb = 0;

        for (size_t b = 0; b < 8; b++)
            limb = limb << 8 | at[b];
        limbs[i] = limb;
    }
}

static inline void limbs_to_bytes(
    unsigned char *bytes, const uint64_t *limbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char *at = bytes + (count - 1 - i) * 8;

        for (size_t b = 0; b < 8; b++)
            at[b] = (unsigned char)(limbs[i] >> (56 - 8 * b));
    }
}

#endif
