/* The field below our P-384 against OpenSSL's numbers. --full [operations]: ten million,
 * and 20,000 inverses; half with the instructions this CPU has for it, half in C. */
#include "tests/unit/p384_rig.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 5 /* of a pair: assert_field() */ };

static size_t pairs = 4000, inverses = 3000;

/* Operands of long runs, whose results are next to 0, p or 2^384. */
static void edge_number(uint64_t limbs[LIMBS], unsigned n)
{
    static const uint64_t parts[] = {0, UINT64_MAX, 1, UINT64_C(0xffffffff),
        UINT64_C(0xffffffff00000000), UINT64_MAX - 1};

    for (size_t i = 0; i < LIMBS; i++, n /= 6)
        limbs[i] = parts[n % 6];
    from_limbs(openssl.k, limbs);
    BN_nnmod(openssl.k, openssl.k, openssl.prime, openssl.numbers);
    to_limbs(limbs, openssl.k);
}

static void assert_number(const struct p384_number *got, const BIGNUM *expected)
{
    uint64_t limbs[LIMBS];

    BN_nnmod(openssl.k, expected, openssl.prime, openssl.numbers);
    to_limbs(limbs, openssl.k);
    assert_memory_equal(got->limbs, limbs, sizeof(limbs));
}

/* Compares limbs, so the results have the factors of Montgomery's form. */
static void assert_field(const struct p384_number *a, const struct p384_number *b,
    const BIGNUM *to_montgomery, const BIGNUM *half)
{
    struct p384_number out;
    BIGNUM *r = BN_new();

    from_limbs(openssl.x, a->limbs);
    from_limbs(openssl.y, b->limbs);
    p384_add(&out, a, b);
    BN_add(r, openssl.x, openssl.y);
    assert_number(&out, r);
    p384_subtract(&out, a, b);
    BN_sub(r, openssl.x, openssl.y);
    assert_number(&out, r);
    p384_halve(&out, a);
    BN_mul(r, openssl.x, half, openssl.numbers);
    assert_number(&out, r);
    p384_multiply(&out, a, b);
    BN_mul(r, openssl.x, openssl.y, openssl.numbers);
    BN_mod_mul(r, r, to_montgomery, openssl.prime, openssl.numbers);
    assert_number(&out, r);
    p384_square(&out, a);
    BN_sqr(r, openssl.x, openssl.numbers);
    BN_mod_mul(r, r, to_montgomery, openssl.prime, openssl.numbers);
    assert_number(&out, r);
    BN_free(r);
}

static void the_field_is_right_at_its_edges(void **state)
{
    BIGNUM *to_montgomery = BN_new(), *half = BN_new();

    (void)state;
    BN_set_bit(to_montgomery, 384);
    BN_mod_inverse(to_montgomery, to_montgomery, openssl.prime, openssl.numbers);
    BN_set_word(half, 2);
    BN_mod_inverse(half, half, openssl.prime, openssl.numbers);
    for (unsigned n = 0; n < 46656; n += 5) {
        struct p384_number a, b;

        p384_start(n % 2 != 0 ? P384_PLAIN : P384_BEST);
        edge_number(a.limbs, n);
        edge_number(b.limbs, n % 7 == 0 ? 46655 - n : n * 29 % 46656);
        assert_field(&a, &b, to_montgomery, half);
    }
    BN_free(to_montgomery);
    BN_free(half);
}

/* The same numbers in every run, and by no code of OpenSSL's. */
static uint64_t draw(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Carries and borrows run far in such numbers: limbs of ones and zeros among random ones,
 * and what is near 0, p or a power of two. */
static void draw_number(uint64_t limbs[LIMBS])
{
    static const uint64_t edges[] = {0, UINT64_MAX, 1, UINT64_C(0xffffffff),
        UINT64_C(0xffffffff00000000), UINT64_MAX - 1, UINT64_C(1) << 63,
        UINT64_C(1) << 32};
    uint64_t how = draw();

    for (size_t i = 0; i < LIMBS; i++)
        limbs[i] = (how >> (8 * i) & 3) != 0 ? draw() : edges[draw() % 8];
    if ((how >> 56 & 7) == 0) {
        memcpy(limbs, p384_prime, BYTES);
        limbs[0] -= 1 + (draw() >> (33 + draw() % 31));
    } else if ((how >> 56 & 7) == 1) {
        memset(limbs, 0, BYTES);
        limbs[draw() % LIMBS] = UINT64_C(1) << draw() % 63;
        limbs[0] ^= draw() % 4;
    } else {
        from_limbs(openssl.k, limbs);
        BN_nnmod(openssl.k, openssl.k, openssl.prime, openssl.numbers);
        to_limbs(limbs, openssl.k);
    }
}

static void the_field_is_right_on_drawn_numbers(void **state)
{
    BIGNUM *to_montgomery = BN_new(), *half = BN_new();
    struct p384_number a, b;

    (void)state;
    BN_set_bit(to_montgomery, 384);
    BN_mod_inverse(to_montgomery, to_montgomery, openssl.prime, openssl.numbers);
    BN_set_word(half, 2);
    BN_mod_inverse(half, half, openssl.prime, openssl.numbers);
    for (size_t n = 0; n < pairs; n++) {
        p384_start(n % 2 != 0 ? P384_PLAIN : P384_BEST);
        draw_number(a.limbs);
        b = a;
        if (n % 16 != 0)
            draw_number(b.limbs);
        assert_field(&a, &b, to_montgomery, half);
    }
    BN_free(to_montgomery);
    BN_free(half);
    (void)fprintf(stderr, "%zu operations agree\n", pairs * OPERATIONS);
}

static void inverses_are_inverse(void **state)
{
    struct p384_number a, inverse, product;

    (void)state;
    for (unsigned n = 0; n < 3000 + inverses; n++) {
        p384_start(n % 2 != 0 ? P384_PLAIN : P384_BEST);
        if (n < 3000) {
            edge_number(a.limbs, n * 233 % 46656);
        } else {
            BN_rand_range(openssl.k, openssl.prime);
            to_limbs(a.limbs, openssl.k);
        }
        p384_invert(&inverse, &a);
        p384_multiply(&product, &a, &inverse);
        if (p384_is_zero(&a))
            assert_true(p384_is_zero(&inverse) != 0);
        else
            assert_memory_equal(&product, &p384_one, sizeof(product));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_field_is_right_at_its_edges),
        cmocka_unit_test(the_field_is_right_on_drawn_numbers),
        cmocka_unit_test(inverses_are_inverse),
    };

    if (argc > 1 && strcmp(argv[1], "--full") == 0) {
        pairs = (argc > 2 ? strtoul(argv[2], NULL, 10) : 10000000) / OPERATIONS;
        inverses = 20000;
    }
    return cmocka_run_group_tests(tests, start_openssl, stop_openssl);
}
