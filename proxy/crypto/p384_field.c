#include "proxy/crypto/p384_field.h"

#include <string.h>

#include "proxy/crypto/p384_field_private.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

__extension__ typedef unsigned __int128 wide_limb;

enum { LIMB_BITS = 64 };

const uint64_t p384_prime[P384_LIMBS] = {0x00000000ffffffff, 0xffffffff00000000,
    0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff};

/* 2^384 and 2^768 modulo p. */
const struct p384_number p384_one = {
    {0xffffffff00000001, 0x00000000ffffffff, 1, 0, 0, 0}};
static const struct p384_number entrance = {{0xfffffffe00000001, 0x0000000200000000,
    0xfffffffe00000000, 0x0000000200000000, 1, 0}};

static bool use_x86;

/* Asks the CPU itself: not every compiler's built-in knows ADX. */
bool p384_field_x86_can(void)
{
#ifdef __x86_64__
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
        (ebx & bit_BMI2) != 0 && (ebx & bit_ADX) != 0;
#else
    return false;
#endif
}

void p384_field_start(bool x86)
{
    use_x86 = x86;
}

/* out = a + b; returns the carry. */
static uint64_t add_limbs(uint64_t *out, const uint64_t *a, const uint64_t *b)
{
    wide_limb sum = 0;

    for (size_t i = 0; i < P384_LIMBS; i++) {
        sum += (wide_limb)a[i] + b[i];
        out[i] = (uint64_t)sum;
        sum >>= LIMB_BITS;
    }
    return (uint64_t)sum;
}

/* out = a - (b where the mask is set); returns the borrow. */
static uint64_t subtract_limbs(
    uint64_t *out, const uint64_t *a, const uint64_t *b, uint64_t mask)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < P384_LIMBS; i++) {
        wide_limb difference = (wide_limb)a[i] - (b[i] & mask) - borrow;

        out[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> LIMB_BITS) & 1;
    }
    return borrow;
}

/* out = a + (p where the mask is set); returns the carry. */
static uint64_t add_prime(uint64_t *out, const uint64_t *a, uint64_t mask)
{
    uint64_t masked[P384_LIMBS];

    for (size_t i = 0; i < P384_LIMBS; i++)
        masked[i] = p384_prime[i] & mask;
    return add_limbs(out, a, masked);
}

/* carry * 2^384 + limbs is below 2p. */
static void bring_below_prime(uint64_t *out, const uint64_t *limbs, uint64_t carry)
{
    uint64_t reduced[P384_LIMBS];
    uint64_t borrow = subtract_limbs(reduced, limbs, p384_prime, UINT64_MAX);

    (void)add_prime(out, reduced, limbs_mask(borrow & (carry ^ 1)));
}

static void plain_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    uint64_t sum[P384_LIMBS];
    uint64_t carry = add_limbs(sum, a->limbs, b->limbs);

    bring_below_prime(out->limbs, sum, carry);
}

static void plain_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    uint64_t difference[P384_LIMBS];
    uint64_t borrow = subtract_limbs(difference, a->limbs, b->limbs, UINT64_MAX);

    (void)add_prime(out->limbs, difference, limbs_mask(borrow));
}

static void plain_halve(struct p384_number *out, const struct p384_number *a)
{
    uint64_t even[P384_LIMBS + 1];

    even[P384_LIMBS] = add_prime(even, a->limbs, limbs_mask(a->limbs[0] & 1));
    for (size_t i = 0; i < P384_LIMBS; i++)
        out->limbs[i] = even[i] >> 1 | even[i + 1] << (LIMB_BITS - 1);
}

/* One step of Montgomery's reduction, on the lowest limb of t: t + mp with m = t[0] *
 * (2^32 + 1), for -1/p = 2^32 + 1 modulo 2^64. */
static void reduce_limb(uint64_t *t, uint64_t *carry)
{
    uint64_t m = t[0] + (t[0] << 32);
    wide_limb sum = 0;

    for (size_t i = 0; i < P384_LIMBS; i++) {
        sum += (wide_limb)m * p384_prime[i] + t[i];
        t[i] = (uint64_t)sum;
        sum >>= LIMB_BITS;
    }
    sum += (wide_limb)t[P384_LIMBS] + *carry;
    t[P384_LIMBS] = (uint64_t)sum;
    *carry = (uint64_t)(sum >> LIMB_BITS);
}

static void plain_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
    uint64_t t[2 * P384_LIMBS] = {0}, carry = 0;

    for (size_t i = 0; i < P384_LIMBS; i++) {
        wide_limb sum = 0;

        for (size_t j = 0; j < P384_LIMBS; j++) {
            sum += (wide_limb)a->limbs[j] * b->limbs[i] + t[i + j];
            t[i + j] = (uint64_t)sum;
            sum >>= LIMB_BITS;
        }
        t[i + P384_LIMBS] = (uint64_t)sum;
    }
    for (size_t i = 0; i < P384_LIMBS; i++)
        reduce_limb(t + i, &carry);
    bring_below_prime(out->limbs, t + P384_LIMBS, carry);
}

void p384_multiply(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
#ifdef __x86_64__
    if (use_x86) {
        p384_x86_multiply(out, a, b);
        return;
    }
#endif
    plain_multiply(out, a, b);
}

void p384_square(struct p384_number *out, const struct p384_number *a)
{
#ifdef __x86_64__
    if (use_x86) {
        p384_x86_square(out, a);
        return;
    }
#endif
    plain_multiply(out, a, a);
}

void p384_add(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
#ifdef __x86_64__
    if (use_x86) {
        p384_x86_add(out, a, b);
        return;
    }
#endif
    plain_add(out, a, b);
}

void p384_subtract(
    struct p384_number *out, const struct p384_number *a, const struct p384_number *b)
{
#ifdef __x86_64__
    if (use_x86) {
        p384_x86_subtract(out, a, b);
        return;
    }
#endif
    plain_subtract(out, a, b);
}

void p384_halve(struct p384_number *out, const struct p384_number *a)
{
#ifdef __x86_64__
    if (use_x86) {
        p384_x86_halve(out, a);
        return;
    }
#endif
    plain_halve(out, a);
}

void p384_enter(struct p384_number *out, const uint64_t limbs[P384_LIMBS])
{
    struct p384_number plain;

    memcpy(plain.limbs, limbs, sizeof(plain.limbs));
    p384_multiply(out, &plain, &entrance);
}

void p384_leave(uint64_t limbs[P384_LIMBS], const struct p384_number *a)
{
    static const struct p384_number plain_one = {{1}};
    struct p384_number plain;

    p384_multiply(&plain, a, &plain_one);
    memcpy(limbs, plain.limbs, sizeof(plain.limbs));
}
