#include "proxy/crypto/p384.h"

#include <string.h>

#include <openssl/crypto.h>

#include "proxy/crypto/limbs.h"
#include "proxy/crypto/p384_point.h"

/* An odd k below 2^384 is the sum of 77 digits d[i] * 32^i, each odd and in [-31, 31]:
 * with b[i] the five bits of k from bit 5i + 1 on, d[i] = 2b[i] - 31, and the highest is
 * 2b + 1. So no digit is zero, and 16 multiples are all it takes: P, 3P, ... 31P. */
enum { WINDOW = 5, DIGITS = 77, MULTIPLES = P384_POINTS_MAX };

/* For the multiples of the generator. */
enum { STRIDE = 4, BASES = 20 };

enum { STACK_USED = 12 * 1024 };

/* FIPS 186-4, D.1.2.4 */
static const uint64_t order[] = {0xecec196accc52973, 0x581a0db248b0a77a,
    0xc7634d81f4372ddf, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff};

void p384_start(enum p384_way way)
{
    p384_field_start(way == P384_X86 || (way == P384_BEST && p384_field_x86_can()));
}

static bool is_in_range(const uint64_t scalar[P384_LIMBS])
{
    bool is_zero = limbs_are_zero(scalar, P384_LIMBS);
    bool is_less = limbs_less(scalar, order, P384_LIMBS);

    return is_less && !is_zero;
}

/* odd = scalar or order - scalar, whichever is odd. Returns the mask of the second
 * case. */
static uint64_t make_odd(uint64_t odd[P384_LIMBS], const uint64_t scalar[P384_LIMBS])
{
    uint64_t even = limbs_mask((scalar[0] & 1) ^ 1), borrow = 0;

    for (size_t i = 0; i < P384_LIMBS; i++) {
        uint64_t limb = order[i] - scalar[i] - borrow;

        borrow = ((~order[i] & scalar[i]) | (~(order[i] ^ scalar[i]) & limb)) >> 63;
        odd[i] = scalar[i] ^ ((scalar[i] ^ limb) & even);
    }
    return even;
}

/* 16 + b for the highest digit, which is never negative. */
static uint64_t digit(const uint64_t odd[P384_LIMBS], size_t i)
{
    size_t bit = WINDOW * i + 1, limb = bit / 64, shift = bit % 64;
    uint64_t bits = odd[limb] >> shift;

    if (shift > 64 - WINDOW && limb + 1 < P384_LIMBS)
        bits |= odd[limb + 1] << (64 - shift);
    return i == DIGITS - 1 ? bits | 16 : bits & 31;
}

static void look_up(struct p384_affine *out,
    const struct p384_affine multiples[MULTIPLES], uint64_t digit)
{
    uint64_t negative = limbs_mask(digit >> 4 ^ 1);

    p384_point_look_up(out, multiples, (digit ^ negative) & (MULTIPLES - 1), negative);
}

/* P, 3P, ... 31P. 2P = (X, Y, Z) is used as (X, Y) on the isomorphic curve where all Z
 * are smaller by this Z. A sum needs no more than that, because the formula does not use
 * the curve's coefficients. P has a large prime order, so no sum is special. */
static void make_multiples(
    struct p384_affine multiples[MULTIPLES], const struct p384_affine *point)
{
    struct p384_point points[MULTIPLES], twice;
    struct p384_affine step;
    struct p384_number z2;

    p384_point_from(&points[0], point);
    p384_point_double(&twice, &points[0]);
    step.x = twice.x;
    step.y = twice.y;
    p384_square(&z2, &twice.z);
    p384_multiply(&points[0].x, &points[0].x, &z2);
    p384_multiply(&z2, &z2, &twice.z);
    p384_multiply(&points[0].y, &points[0].y, &z2);
    for (size_t i = 1; i < MULTIPLES; i++)
        p384_point_add(&points[i], &points[i - 1], &step);
    for (size_t i = 0; i < MULTIPLES; i++)
        p384_multiply(&points[i].z, &points[i].z, &twice.z);
    p384_points_to_affine(multiples, points, MULTIPLES);
}

static void finish(
    struct p384_affine *product, const struct p384_point *sum, uint64_t negate)
{
    static const struct p384_number zero;
    struct p384_number negative;

    p384_points_to_affine(product, sum, 1);
    p384_subtract(&negative, &zero, &product->y);
    p384_select(&product->y, &negative, negate);
}

/* From the highest digit down: sum = 32 sum + d[i]P, where sum = vP with v = k / 32^i
 * rounded to an odd number, so positive. Then 32v is even and d[i] odd, and only modulo
 * the order n can they be equal or opposite: for i > 0 both are too small for that. For i
 * = 0 the sum is kP itself, so never infinity. The two are equal when k - 2d[0] = n,
 * which is so for k = n - 38: the last addition handles it. */
static void multiply(struct p384_affine *product, const uint64_t scalar[P384_LIMBS],
    const struct p384_affine *point)
{
    struct p384_affine multiples[MULTIPLES], term;
    struct p384_point sum;
    uint64_t odd[P384_LIMBS], negate = make_odd(odd, scalar);

    make_multiples(multiples, point);
    look_up(&term, multiples, digit(odd, DIGITS - 1));
    p384_point_from(&sum, &term);
    for (size_t i = DIGITS - 1; i-- > 0;) {
        for (size_t n = 0; n < WINDOW; n++)
            p384_point_double(&sum, &sum);
        look_up(&term, multiples, digit(odd, i));
        if (i > 0)
            p384_point_add(&sum, &sum, &term);
        else
            p384_point_add_any(&sum, &sum, &term);
    }
    finish(product, &sum, negate);
}

/* Multiples of 2^(20j)G, of every fourth digit only, so that 15 doublings are enough. */
static struct p384_affine base_multiples[BASES][MULTIPLES];
static bool base_is_ready;

static void make_base(void)
{
    struct p384_affine base;
    struct p384_point next;

    (void)p384_point_enter(&base, p384_generator_x, p384_generator_y);
    for (size_t j = 0; j < BASES; j++) {
        make_multiples(base_multiples[j], &base);
        p384_point_from(&next, &base);
        for (size_t n = 0; n < STRIDE * WINDOW; n++)
            p384_point_double(&next, &next);
        p384_points_to_affine(&base, &next, 1);
    }
    base_is_ready = true;
}

/* kG is the sum of d[4j + r] * 32^r * 2^(20j)G, the highest r first. The choice of digits
 * does not depend on the scalar. As integers, a partial sum never equals the next term.
 * Modulo the order it does for a few scalars (n - 38 again is one) that are never drawn
 * in practice. Then Z is 0 from there on, and the ladder computes the result. */
static bool multiply_base(struct p384_affine *product, const uint64_t scalar[P384_LIMBS])
{
    struct p384_affine term;
    struct p384_point sum;
    uint64_t odd[P384_LIMBS], negate = make_odd(odd, scalar);
    bool empty = true;

    for (size_t r = STRIDE; r-- > 0;) {
        for (size_t n = 0; !empty && n < WINDOW; n++)
            p384_point_double(&sum, &sum);
        for (size_t j = BASES; j-- > 0;) {
            if (STRIDE * j + r >= DIGITS)
                continue;
            look_up(&term, base_multiples[j], digit(odd, STRIDE * j + r));
            if (empty)
                p384_point_from(&sum, &term);
            else
                p384_point_add(&sum, &sum, &term);
            empty = false;
        }
    }
    finish(product, &sum, negate);
    return p384_is_zero(&sum.z) == 0;
}

/* Overwrites what earlier functions left on the stack; call it at their depth. */
static __attribute__((noinline)) void wipe_stack(void)
{
    unsigned char used[STACK_USED];

    OPENSSL_cleanse(used, sizeof(used));
}

static __attribute__((noinline)) bool derive(
    unsigned char *secret, const uint64_t *scalar, const uint64_t *x, const uint64_t *y)
{
    struct p384_affine point;
    uint64_t limbs[P384_LIMBS];

    if (!p384_point_enter(&point, x, y))
        return false;
    multiply(&point, scalar, &point);
    p384_leave(limbs, &point.x);
    limbs_to_bytes(secret, limbs, P384_LIMBS);
    return true;
}

bool p384_derive(unsigned char secret[P384_SECRET_LEN], const uint64_t scalar[6],
    const uint64_t x[6], const uint64_t y[6])
{
    bool ok = is_in_range(scalar) && derive(secret, scalar, x, y);

    if (!ok)
        memset(secret, 0, P384_SECRET_LEN);
    wipe_stack();
    return ok;
}

static __attribute__((noinline)) void make_public(
    uint64_t *x, uint64_t *y, const uint64_t *scalar)
{
    struct p384_affine point;

    if (!base_is_ready)
        make_base();
    if (!multiply_base(&point, scalar)) {
        (void)p384_point_enter(&point, p384_generator_x, p384_generator_y);
        multiply(&point, scalar, &point);
    }
    p384_leave(x, &point.x);
    p384_leave(y, &point.y);
}

bool p384_public(uint64_t x[6], uint64_t y[6], const uint64_t scalar[6])
{
    bool ok = is_in_range(scalar);

    if (ok)
        make_public(x, y, scalar);
    wipe_stack();
    return ok;
}
