/* The field below our P-384 against OpenSSL's numbers. */
#include "tests/unit/p384_rig.h"

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

static void inverses_are_inverse(void **state)
{
    struct p384_number a, inverse, product;

    (void)state;
    for (unsigned n = 0; n < 6000; n++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_field_is_right_at_its_edges),
        cmocka_unit_test(inverses_are_inverse),
    };

    return cmocka_run_group_tests(tests, start_openssl, stop_openssl);
}
