/* The check of ECDSA signatures by the scalar: it passes what OpenSSL's verification
 * passes, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "proxy/crypto/ecdsa_check.h"
#include "proxy/crypto/key_exchange.h"

enum { DIGEST_LEN_MAX = 64, DER_MAX = 256 };
/* A sanitizer checks the code's use of memory, which does not depend on the numbers: a
 * few are enough. */
#ifdef WLB_SANITIZE
enum { ROUNDS = 24, EACH_BIT = 7 };
#else
enum { ROUNDS = 200, EACH_BIT = 1 };
#endif

static const struct key_exchange_group *const curves[] = {
    &key_exchange_groups[KEY_EXCHANGE_P256],
    &key_exchange_groups[KEY_EXCHANGE_P384],
};
enum { CURVES = sizeof(curves) / sizeof(curves[0]) };

struct signed_digest {
    unsigned char digest[DIGEST_LEN_MAX], der[DER_MAX];
    size_t digest_len, der_len;
};

static void sign(EVP_PKEY *key, struct signed_digest *to)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

    to->der_len = sizeof(to->der);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(
        EVP_PKEY_sign(context, to->der, &to->der_len, to->digest, to->digest_len), 1);
    EVP_PKEY_CTX_free(context);
}

static bool verifies(EVP_PKEY *key, const struct signed_digest *from)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool right;

    assert_int_equal(EVP_PKEY_verify_init(context), 1);
    right = EVP_PKEY_verify(
                context, from->der, from->der_len, from->digest, from->digest_len) == 1;
    EVP_PKEY_CTX_free(context);
    return right;
}

static bool passes(const struct ecdsa_check *check, const struct signed_digest *from)
{
    return ecdsa_check_passes(
        check, from->digest, from->digest_len, from->der, from->der_len);
}

/* Digests shorter and longer than the order, zero, and above it. */
static void make_digest(struct signed_digest *to, size_t round)
{
    static const size_t lengths[] = {20, 32, 48, 64};

    to->digest_len = lengths[round % 4];
    if (round / 4 == 0)
        memset(to->digest, 0, sizeof(to->digest));
    else if (round / 4 == 1)
        memset(to->digest, 0xff, sizeof(to->digest));
    else
        assert_int_equal(RAND_bytes(to->digest, sizeof(to->digest)), 1);
}

static void a_right_signature_passes(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        for (size_t i = 0; i < ROUNDS; i++) {
            EVP_PKEY *key = EVP_EC_gen(curves[c]->real_name);
            struct ecdsa_check *check = ecdsa_check_new(curves[c], key);
            struct signed_digest made;

            assert_non_null(check);
            make_digest(&made, i);
            sign(key, &made);
            assert_true(passes(check, &made));
            ecdsa_check_free(check);
            EVP_PKEY_free(key);
        }
    }
}

/* A flipped bit anywhere in digest or signature, as OpenSSL judges it. A bit of the
 * digest beyond the order's length does not count. */
static void a_flipped_bit_does_not(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        EVP_PKEY *key = EVP_EC_gen(curves[c]->real_name);
        struct ecdsa_check *check = ecdsa_check_new(curves[c], key);
        struct signed_digest made;
        size_t refused = 0, expected = 0;

        make_digest(&made, 8 + 3);
        sign(key, &made);
        for (size_t bit = 0; bit < 8 * (made.digest_len + made.der_len);
             bit += EACH_BIT) {
            struct signed_digest wrong = made;
            size_t byte = bit / 8;

            expected += byte < curves[c]->secret_len || byte >= made.digest_len;
            if (byte < made.digest_len)
                wrong.digest[byte] ^= (unsigned char)(1 << bit % 8);
            else
                wrong.der[byte - made.digest_len] ^= (unsigned char)(1 << bit % 8);
            assert_int_equal(passes(check, &wrong), verifies(key, &wrong));
            refused += !passes(check, &wrong);
        }
        assert_int_equal(refused, expected);
        ecdsa_check_free(check);
        EVP_PKEY_free(key);
    }
}

static void put(struct signed_digest *to, BIGNUM *r, BIGNUM *s)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    unsigned char *at = to->der;

    assert_int_equal(ECDSA_SIG_set0(pair, r, s), 1);
    to->der_len = (size_t)i2d_ECDSA_SIG(pair, &at);
    ECDSA_SIG_free(pair);
}

static BIGNUM *order_of(const struct key_exchange_group *curve)
{
    return BN_lebin2bn(
        (const unsigned char *)curve->order, (int)(curve->limbs * LIMB_BYTES), NULL);
}

/* 0, the order, a negative one, and one that is right modulo the order. */
static void a_number_out_of_range_does_not(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        EVP_PKEY *key = EVP_EC_gen(curves[c]->real_name);
        struct ecdsa_check *check = ecdsa_check_new(curves[c], key);
        struct signed_digest made;
        const unsigned char *at = made.der;
        BIGNUM *order = order_of(curves[c]);
        ECDSA_SIG *pair;

        make_digest(&made, 8);
        sign(key, &made);
        pair = d2i_ECDSA_SIG(NULL, &at, (long)made.der_len);
        for (size_t i = 0; i < 8; i++) {
            BIGNUM *numbers[2] = {
                BN_dup(ECDSA_SIG_get0_r(pair)), BN_dup(ECDSA_SIG_get0_s(pair))};
            BIGNUM *wrong = numbers[i % 2];

            if (i / 2 == 0)
                BN_zero(wrong);
            else if (i / 2 == 1)
                assert_non_null(BN_copy(wrong, order));
            else if (i / 2 == 2)
                BN_sub(wrong, wrong, order);
            else
                BN_add(wrong, wrong, order);
            put(&made, numbers[0], numbers[1]);
            assert_false(passes(check, &made));
            assert_false(verifies(key, &made));
        }
        ECDSA_SIG_free(pair);
        BN_free(order);
        ecdsa_check_free(check);
        EVP_PKEY_free(key);
    }
}

static void what_is_no_signature_does_not(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct ecdsa_check *check = ecdsa_check_new(curves[0], key);
    struct signed_digest made;

    (void)state;
    make_digest(&made, 9);
    sign(key, &made);
    for (size_t len = made.der_len; len-- > 0;) {
        struct signed_digest cut = made;

        cut.der_len = len;
        assert_false(passes(check, &cut));
    }
    made.der[made.der_len++] = 0;
    assert_false(passes(check, &made));
    ecdsa_check_free(check);
    EVP_PKEY_free(key);
}

static void a_signature_by_another_key_does_not(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        EVP_PKEY *key = EVP_EC_gen(curves[c]->real_name);
        EVP_PKEY *another = EVP_EC_gen(curves[c]->real_name);
        struct ecdsa_check *check = ecdsa_check_new(curves[c], key);
        struct signed_digest made;

        make_digest(&made, 10);
        sign(another, &made);
        assert_false(passes(check, &made));
        ecdsa_check_free(check);
        EVP_PKEY_free(another);
        EVP_PKEY_free(key);
    }
}

/* The scalar with one bit flipped, beside the public key as it was. */
static EVP_PKEY *faulty_copy(EVP_PKEY *from)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *numbers = NULL, *d;
    EVP_PKEY *copy = NULL;

    assert_int_equal(EVP_PKEY_todata(from, EVP_PKEY_KEYPAIR, &numbers), 1);
    d = OSSL_PARAM_locate(numbers, OSSL_PKEY_PARAM_PRIV_KEY);
    assert_non_null(d);
    ((unsigned char *)d->data)[d->data_size / 2] ^= 4;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &copy, EVP_PKEY_KEYPAIR, numbers), 1);
    OSSL_PARAM_free(numbers);
    EVP_PKEY_CTX_free(context);
    return copy;
}

/* A copy that was faulty before makes no check, and one that becomes it afterwards signs
 * nothing that passes. */
static void a_faulty_copy_of_the_scalar_is_found(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        EVP_PKEY *key = EVP_EC_gen(curves[c]->real_name), *faulty = faulty_copy(key);
        struct ecdsa_check *check = ecdsa_check_new(curves[c], key);
        struct signed_digest made;

        assert_null(ecdsa_check_new(curves[c], faulty));
        make_digest(&made, 11);
        sign(faulty, &made);
        assert_false(passes(check, &made));
        ecdsa_check_free(check);
        EVP_PKEY_free(faulty);
        EVP_PKEY_free(key);
    }
}

static void a_public_key_makes_no_check(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *public = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *numbers = NULL;

    (void)state;
    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &numbers), 1);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(
        EVP_PKEY_fromdata(context, &public, EVP_PKEY_PUBLIC_KEY, numbers), 1);
    assert_null(ecdsa_check_new(curves[0], public));
    OSSL_PARAM_free(numbers);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_signature_passes),
        cmocka_unit_test(a_flipped_bit_does_not),
        cmocka_unit_test(a_number_out_of_range_does_not),
        cmocka_unit_test(what_is_no_signature_does_not),
        cmocka_unit_test(a_signature_by_another_key_does_not),
        cmocka_unit_test(a_faulty_copy_of_the_scalar_is_found),
        cmocka_unit_test(a_public_key_makes_no_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
