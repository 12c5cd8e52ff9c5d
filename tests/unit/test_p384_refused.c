/* Points and scalars that our P-384 refuses. */
#include "tests/unit/p384_rig.h"

static void assert_refused(const uint64_t scalar[LIMBS], const struct point *peer)
{
    unsigned char secret[P384_SECRET_LEN], zero[P384_SECRET_LEN] = {0};

    for (int plain = 0; plain < 2; plain++) {
        p384_start(plain ? P384_PLAIN : P384_BEST);
        memset(secret, 0xaa, sizeof(secret));
        assert_false(p384_derive(secret, scalar, peer->x, peer->y));
        assert_memory_equal(secret, zero, sizeof(secret));
    }
}

static void points_off_the_curve_are_refused(void **state)
{
    static const struct point zero;
    uint64_t scalar[LIMBS];
    struct point good, bad;

    (void)state;
    random_scalar(scalar);
    assert_true(reference(&good, scalar, NULL));
    assert_refused(scalar, &zero);
    for (size_t bit = 0; bit < 384; bit++) {
        bad = good;
        bad.x[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_refused(scalar, &bad);
        bad = good;
        bad.y[bit / 64] ^= UINT64_C(1) << bit % 64;
        assert_refused(scalar, &bad);
    }
}

/* A coordinate plus p, where that still fits: reduced, it would be the same point. */
static void coordinates_above_the_prime_are_refused(void **state)
{
    uint64_t scalar[LIMBS];
    struct point bad;
    bool done = false;

    (void)state;
    random_scalar(scalar);
    for (BN_ULONG x = 0; !done; x++) {
        BN_set_word(openssl.x, x);
        if (EC_POINT_set_compressed_coordinates(
                openssl.curve, openssl.point, openssl.x, 0, openssl.numbers) != 1)
            continue;
        EC_POINT_get_affine_coordinates(
            openssl.curve, openssl.point, openssl.x, openssl.y, openssl.numbers);
        to_limbs(bad.x, openssl.x);
        to_limbs(bad.y, openssl.y);
        assert_derives(scalar, &bad);
        BN_set_word(openssl.x, x);
        BN_add(openssl.x, openssl.x, openssl.prime);
        to_limbs(bad.x, openssl.x);
        done = true;
    }
    assert_refused(scalar, &bad);
    assert_true(reference(&bad, scalar, NULL));
    memcpy(bad.y, p384_prime, sizeof(bad.y));
    assert_refused(scalar, &bad);
    memset(bad.x, 0xff, sizeof(bad.x));
    assert_refused(scalar, &bad);
}

static void scalars_out_of_range_are_refused(void **state)
{
    uint64_t scalar[LIMBS] = {1}, x[LIMBS], y[LIMBS];
    struct point peer;

    (void)state;
    assert_true(reference(&peer, scalar, NULL));
    memset(scalar, 0, sizeof(scalar));
    assert_refused(scalar, &peer);
    assert_false(p384_public(x, y, scalar));
    to_limbs(scalar, openssl.order);
    for (int i = 0; i < 80; i++, scalar[0]++) {
        assert_refused(scalar, &peer);
        assert_false(p384_public(x, y, scalar));
    }
    memset(scalar, 0xff, sizeof(scalar));
    assert_refused(scalar, &peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_off_the_curve_are_refused),
        cmocka_unit_test(coordinates_above_the_prime_are_refused),
        cmocka_unit_test(scalars_out_of_range_are_refused),
    };

    return cmocka_run_group_tests(tests, start_openssl, stop_openssl);
}
