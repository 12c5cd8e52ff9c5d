/*
 * p384_rig.h - OpenSSL's arithmetic of the same curve, for comparison with ours.
 */
#ifndef WLBPROXY_TESTS_P384_RIG_H
#define WLBPROXY_TESTS_P384_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "proxy/crypto/p384.h"
#include "proxy/crypto/p384_point.h"

enum { LIMBS = P384_LIMBS, BYTES = LIMBS * 8 };

struct point {
    uint64_t x[LIMBS], y[LIMBS];
};

static struct reference {
    EC_GROUP *curve;
    EC_POINT *point;
    BN_CTX *numbers;
    BIGNUM *x, *y, *k, *order, *prime;
} openssl;

/* Setup and teardown of a group of tests. */
static inline int start_openssl(void **state)
{
    (void)state;
    openssl.curve = EC_GROUP_new_by_curve_name(NID_secp384r1);
    openssl.point = EC_POINT_new(openssl.curve);
    openssl.numbers = BN_CTX_new();
    openssl.x = BN_new();
    openssl.y = BN_new();
    openssl.k = BN_new();
    openssl.order = BN_dup(EC_GROUP_get0_order(openssl.curve));
    openssl.prime = BN_dup(EC_GROUP_get0_field(openssl.curve));
    return 0;
}

static inline int stop_openssl(void **state)
{
    (void)state;
    BN_free(openssl.x);
    BN_free(openssl.y);
    BN_free(openssl.k);
    BN_free(openssl.order);
    BN_free(openssl.prime);
    BN_CTX_free(openssl.numbers);
    EC_POINT_free(openssl.point);
    EC_GROUP_free(openssl.curve);
    return 0;
}

static inline void to_limbs(uint64_t limbs[LIMBS], const BIGNUM *number)
{
    assert_int_equal(BN_bn2lebinpad(number, (unsigned char *)limbs, BYTES), BYTES);
}

static inline void from_limbs(BIGNUM *number, const uint64_t limbs[LIMBS])
{
    assert_non_null(BN_lebin2bn((const unsigned char *)limbs, BYTES, number));
}

/* [scalar]point, or [scalar]G; false if the point is invalid or the product is
 * infinity. */
static inline bool reference(
    struct point *product, const uint64_t scalar[LIMBS], const struct point *point)
{
    from_limbs(openssl.k, scalar);
    if (point != NULL) {
        from_limbs(openssl.x, point->x);
        from_limbs(openssl.y, point->y);
        if (EC_POINT_set_affine_coordinates(
                openssl.curve, openssl.point, openssl.x, openssl.y, openssl.numbers) != 1)
            return false;
    }
    if (EC_POINT_mul(openssl.curve, openssl.point, point == NULL ? openssl.k : NULL,
            point == NULL ? NULL : openssl.point, point == NULL ? NULL : openssl.k,
            openssl.numbers) != 1 ||
        EC_POINT_get_affine_coordinates(
            openssl.curve, openssl.point, openssl.x, openssl.y, openssl.numbers) != 1)
        return false;
    to_limbs(product->x, openssl.x);
    to_limbs(product->y, openssl.y);
    return true;
}

static inline void random_scalar(uint64_t scalar[LIMBS])
{
    do {
        assert_int_equal(BN_rand_range(openssl.k, openssl.order), 1);
    } while (BN_is_zero(openssl.k));
    to_limbs(scalar, openssl.k);
}

/* `product` is what reference() says. */
static inline void assert_derives_it(
    const struct point *product, const uint64_t scalar[LIMBS], const struct point *point)
{
    unsigned char secret[P384_SECRET_LEN], expected[P384_SECRET_LEN];

    from_limbs(openssl.x, product->x);
    assert_int_equal(BN_bn2binpad(openssl.x, expected, BYTES), BYTES);
    assert_true(p384_derive(secret, scalar, point->x, point->y));
    assert_memory_equal(secret, expected, sizeof(secret));
}

static inline void assert_derives(const uint64_t scalar[LIMBS], const struct point *point)
{
    struct point product;

    assert_true(reference(&product, scalar, point));
    assert_derives_it(&product, scalar, point);
}

#endif
