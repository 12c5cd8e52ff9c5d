/* The inverse modulo p by Bernstein and Yang's division steps ("Fast constant-time gcd
 * computation and modular inversion", 2019). There are as many steps for every number,
 * and each does the same. 62 at a time are done on the lowest bits alone and then on the
 * numbers as a whole: on f and g, which begin as p and the number and end as +-1 and 0,
 * and modulo p on d and e, where f = d * number and g = e * number.
 *
 * With delta beginning at 1/2, 45907 * 385 + 26313 over 19929, so 888 steps are enough
 * for numbers of 385 bits (Wuille's bounds); 15 times 62 are 930. */
#include "proxy/crypto/p384_field.h"

__extension__ typedef __int128 wide;

enum { LIMBS = 7, BITS = 62, BATCHES = 15 };

static const uint64_t low_bits = UINT64_MAX >> (64 - BITS);

/* All but the highest limb in [0, 2^62). */
struct number {
    int64_t limbs[LIMBS];
};

/* 2^62 times the effect of 62 steps: f' = uf + vg, g' = qf + rg. */
struct steps {
    int64_t u, v, q, r;
};

static void from_64(struct number *out, const uint64_t limbs[P384_LIMBS])
{
    for (size_t i = 0; i < LIMBS; i++) {
        size_t bit = BITS * i, shift = bit % 64;
        uint64_t bits = limbs[bit / 64] >> shift;

        if (shift > 64 - BITS && bit / 64 + 1 < P384_LIMBS)
            bits |= limbs[bit / 64 + 1] << (64 - shift);
        out->limbs[i] = (int64_t)(bits & low_bits);
    }
}

static void to_64(uint64_t limbs[P384_LIMBS], const struct number *a)
{
    for (size_t i = 0; i < P384_LIMBS; i++) {
        size_t bit = 64 * i, shift = bit % BITS;

        limbs[i] = (uint64_t)a->limbs[bit / BITS] >> shift |
            (uint64_t)a->limbs[bit / BITS + 1] << (BITS - shift);
    }
}

static uint64_t sign_of(int64_t limb)
{
    return limbs_mask((uint64_t)limb >> 63);
}

/* In two's complement, because a step may subtract. zeta is -(delta + 1/2). */
static int64_t divide(int64_t zeta, uint64_t f, uint64_t g, struct steps *steps)
{
    uint64_t u = 1, v = 0, q = 0, r = 1, z = (uint64_t)zeta;

    for (size_t i = 0; i < BITS; i++) {
        uint64_t odd = limbs_mask(g & 1), swap = limbs_mask(z >> 63);

        g += ((f ^ swap) - swap) & odd;
        q += ((u ^ swap) - swap) & odd;
        r += ((v ^ swap) - swap) & odd;
        swap &= odd;
        z = (z ^ swap) - 1;
        f += g & swap;
        u += q & swap;
        v += r & swap;
        g >>= 1;
        u <<= 1;
        v <<= 1;
    }
    *steps = (struct steps){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return (int64_t)z;
}

static void apply_to_f_g(const struct steps *s, struct number *f, struct number *g)
{
    wide sum_f = 0, sum_g = 0;

    for (size_t i = 0; i < LIMBS; i++) {
        int64_t f_limb = f->limbs[i], g_limb = g->limbs[i];

        sum_f += (wide)s->u * f_limb + (wide)s->v * g_limb;
        sum_g += (wide)s->q * f_limb + (wide)s->r * g_limb;
        if (i > 0) { /* the lowest are zero */
            f->limbs[i - 1] = (int64_t)((uint64_t)sum_f & low_bits);
            g->limbs[i - 1] = (int64_t)((uint64_t)sum_g & low_bits);
        }
        sum_f >>= BITS;
        sum_g >>= BITS;
    }
    f->limbs[LIMBS - 1] = (int64_t)sum_f;
    g->limbs[LIMBS - 1] = (int64_t)sum_g;
}

/* (ud + ve + mp) / 2^62, where m makes that whole. d and e are between -2p and p, and so
 * is the result: p is added first to a negative one, and m is not positive. */
static void combine(struct number *out, int64_t u, const struct number *d, int64_t v,
    const struct number *e, const struct number *prime)
{
    int64_t m = (int64_t)((uint64_t)u & sign_of(d->limbs[LIMBS - 1])) +
        (int64_t)((uint64_t)v & sign_of(e->limbs[LIMBS - 1]));
    uint64_t lowest = (uint64_t)u * (uint64_t)d->limbs[0] +
        (uint64_t)v * (uint64_t)e->limbs[0] + (uint64_t)m * (uint64_t)prime->limbs[0];
    wide sum = 0;

    /* 1/p is -(2^32 + 1) */
    m -= (int64_t)((0 - lowest - (lowest << 32)) & low_bits);
    for (size_t i = 0; i < LIMBS; i++) {
        sum += (wide)u * d->limbs[i] + (wide)v * e->limbs[i] + (wide)m * prime->limbs[i];
        if (i > 0)
            out->limbs[i - 1] = (int64_t)((uint64_t)sum & low_bits);
        sum >>= BITS;
    }
    out->limbs[LIMBS - 1] = (int64_t)sum;
}

static void apply_to_d_e(
    const struct steps *s, struct number *d, struct number *e, const struct number *prime)
{
    struct number before = *d;

    combine(d, s->u, &before, s->v, e, prime);
    combine(e, s->q, &before, s->r, e, prime);
}

/* Adds p to a negative number, then negates where the mask is set. */
static void adjust(struct number *d, const struct number *prime, uint64_t negate)
{
    uint64_t negative = sign_of(d->limbs[LIMBS - 1]);
    int64_t carry = 0;

    for (size_t i = 0; i < LIMBS; i++) {
        uint64_t limb = (uint64_t)d->limbs[i] + ((uint64_t)prime->limbs[i] & negative);

        carry += (int64_t)((limb ^ negate) - negate);
        d->limbs[i] = carry;
        if (i < LIMBS - 1) {
            d->limbs[i] = (int64_t)((uint64_t)carry & low_bits);
            carry >>= BITS;
        }
    }
}

void p384_invert(struct p384_number *out, const struct p384_number *a)
{
    /* 2^1152: two factors 2^384 replace those that a lost, one is for the product. */
    static const struct p384_number to_montgomery = {
        {0xfffffffc00000002, 0x0000000300000002, 0xfffffffcfffffffe, 0x0000000300000005,
            0xfffffffdfffffffd, 0x0000000300000002}};
    struct number prime, f, g, d = {{0}}, e = {{1}};
    struct p384_number inverse;
    struct steps steps;
    int64_t zeta = -1;

    from_64(&prime, p384_prime);
    from_64(&g, a->limbs);
    f = prime;
    for (size_t i = 0; i < BATCHES; i++) {
        zeta = divide(zeta, (uint64_t)f.limbs[0], (uint64_t)g.limbs[0], &steps);
        apply_to_d_e(&steps, &d, &e, &prime);
        apply_to_f_g(&steps, &f, &g);
    }
    adjust(&d, &prime, sign_of(f.limbs[LIMBS - 1]));
    adjust(&d, &prime, 0);
    to_64(inverse.limbs, &d);
    p384_multiply(out, &inverse, &to_montgomery);
}
