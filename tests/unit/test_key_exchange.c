/* Batched key exchange against OpenSSL's own. --full [keys]: a million keys of each
 * group. */
#include "tests/unit/key_exchange_rig.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>

#include "proxy/crypto/limbs.h"

static size_t batches = 25;

/* [scalar]point by OpenSSL's curve arithmetic; NULL x: the generator. */
static bool reference_multiply(const struct key_exchange_group *group,
    const struct key_exchange_key *own, const struct key_exchange_key *peer,
    struct key_exchange_key *product)
{
    EC_GROUP *curve = EC_GROUP_new_by_curve_name(
        group->limbs == 4 ? NID_X9_62_prime256v1 : NID_secp384r1);
    EC_POINT *point = EC_POINT_new(curve);
    BN_CTX *numbers = BN_CTX_new();
    int len = (int)group->secret_len;
    BIGNUM *k = BN_lebin2bn((const unsigned char *)own->scalar, len, NULL);
    BIGNUM *x = BN_new(), *y = BN_new();
    bool ok = true;

    if (peer == NULL) {
        ok = EC_POINT_mul(curve, point, k, NULL, NULL, numbers) == 1;
    } else {
        BN_lebin2bn((const unsigned char *)peer->x, len, x);
        BN_lebin2bn((const unsigned char *)peer->y, len, y);
        ok = EC_POINT_set_affine_coordinates(curve, point, x, y, numbers) == 1 &&
            EC_POINT_mul(curve, point, NULL, point, k, numbers) == 1;
    }
    ok = ok && EC_POINT_get_affine_coordinates(curve, point, x, y, numbers) == 1;
    memset(product, 0, sizeof(*product));
    if (ok) {
        BN_bn2lebinpad(x, (unsigned char *)product->x, len);
        BN_bn2lebinpad(y, (unsigned char *)product->y, len);
    }
    BN_free(k);
    BN_free(x);
    BN_free(y);
    BN_CTX_free(numbers);
    EC_POINT_free(point);
    EC_GROUP_free(curve);
    return ok;
}

static bool reference(const struct key_exchange_group *group,
    const struct key_exchange_key *own, const struct key_exchange_key *peer,
    unsigned char *secret)
{
    struct key_exchange_key product;

    if (group->prime == NULL)
        return reference_x25519(own, (const unsigned char *)peer->x, secret);
    if (!reference_multiply(group, own, peer, &product))
        return false;
    limbs_to_bytes(secret, product.x, group->limbs);
    return true;
}

static void assert_agrees(const struct key_exchange_group *group,
    const struct key_exchange_key *own, const struct key_exchange_key *peers,
    size_t count)
{
    unsigned char secrets[LANES][KEY_EXCHANGE_SECRET_MAX],
        expected[KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_job jobs[LANES];

    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct key_exchange_job){&own[i], &peers[i], secrets[i], false};
    key_exchange_derive(&library, group, jobs, count);
    for (size_t i = 0; i < count; i++) {
        bool possible = reference(group, &own[i], &peers[i], expected);

        assert_int_equal(jobs[i].ok, possible);
        if (possible)
            assert_memory_equal(secrets[i], expected, group->secret_len);
    }
}

static void random_keys_agree_with_openssl(void **state)
{
    struct key_exchange_key own[LANES], peers[LANES];

    (void)state;
    need_library();
    for (size_t g = 0; g < KEY_EXCHANGE_GROUPS; g++) {
        for (size_t b = 0; b < batches; b++) {
            assert_true(
                key_exchange_generate(&library, NULL, &key_exchange_groups[g], own));
            assert_true(
                key_exchange_generate(&library, NULL, &key_exchange_groups[g], peers));
            assert_agrees(&key_exchange_groups[g], own, peers, 1 + b % LANES);
        }
    }
}

static void public_keys_are_what_openssl_computes(void **state)
{
    struct key_exchange_key keys[LANES], expected;

    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        for (size_t b = 0; b < batches; b++) {
            assert_true(
                key_exchange_generate(&library, NULL, &key_exchange_groups[g], keys));
            for (size_t i = 0; i < LANES; i++) {
                assert_true(reference_multiply(
                    &key_exchange_groups[g], &keys[i], NULL, &expected));
                assert_memory_equal(keys[i].x, expected.x, sizeof(expected.x));
                assert_memory_equal(keys[i].y, expected.y, sizeof(expected.y));
            }
        }
    }
}

/* The smallest and the largest that may be drawn, sparse and dense ones. */
static void edge_scalar(
    const struct key_exchange_group *group, size_t n, struct key_exchange_key *key)
{
    memset(key, 0, sizeof(*key));
    if (n < 3) {
        key->scalar[1] = n + 1;
    } else if (n < 6) {
        memcpy(key->scalar, group->order, group->limbs * LIMB_BYTES);
        key->scalar[1] -= n - 2;
    } else if (n < 12) {
        key->scalar[1 + n % (group->limbs - 1)] = UINT64_C(1) << (n + 40);
    } else {
        for (size_t i = 0; i + 1 < group->limbs; i++)
            key->scalar[i] =
                n % 2 == 0 ? UINT64_MAX : UINT64_C(0xfffffffe00000001) << (n % 7);
        key->scalar[group->limbs - 1] = n;
    }
}

static void edge_scalars_agree_with_openssl(void **state)
{
    struct key_exchange_key own[LANES], peers[LANES];

    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        for (size_t n = 0; n < 64; n += LANES) {
            assert_true(
                key_exchange_generate(&library, NULL, &key_exchange_groups[g], peers));
            for (size_t i = 0; i < LANES; i++)
                edge_scalar(&key_exchange_groups[g], n + i, &own[i]);
            assert_agrees(&key_exchange_groups[g], own, peers, LANES);
        }
    }
}

/* The generator and its negative have the same x. */
static void special_points_agree_with_openssl(void **state)
{
    struct key_exchange_key own[LANES], peers[LANES], one = {.scalar = {1}};

    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        const struct key_exchange_group *group = &key_exchange_groups[g];

        assert_true(key_exchange_generate(&library, NULL, group, own));
        assert_true(reference_multiply(group, &one, NULL, &peers[0]));
        memcpy(one.scalar, group->order, group->limbs * LIMB_BYTES);
        one.scalar[0]--;
        assert_true(reference_multiply(group, &one, NULL, &peers[1]));
        for (size_t i = 2; i < LANES; i++)
            peers[i] = peers[i % 2];
        assert_agrees(group, own, peers, LANES);
        memset(&one, 0, sizeof(one));
        one.scalar[0] = 1;
    }
}

/* All forms but an uncompressed point with reduced coordinates. */
static void malformed_points_are_refused(void **state)
{
    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        const struct key_exchange_group *group = &key_exchange_groups[g];
        struct key_exchange_key keys[LANES], peer;
        unsigned char encoded[KEY_EXCHANGE_PUBLIC_MAX + 1] = {0};
        static const unsigned char infinity[1];

        assert_true(key_exchange_generate(&library, NULL, group, keys));
        key_exchange_encode(group, &keys[0], encoded);
        assert_true(key_exchange_decode(group, &peer, encoded, group->public_len));
        assert_false(key_exchange_decode(group, &peer, encoded, group->public_len - 1));
        assert_false(key_exchange_decode(group, &peer, encoded, group->public_len + 1));
        assert_false(key_exchange_decode(group, &peer, encoded, 1 + group->secret_len));
        assert_false(key_exchange_decode(group, &peer, encoded, 0));
        assert_false(key_exchange_decode(group, &peer, infinity, 1));
        for (int form = 0; form < 256; form++) {
            encoded[0] = (unsigned char)form;
            assert_int_equal(
                key_exchange_decode(group, &peer, encoded, group->public_len), form == 4);
        }
        encoded[0] = 4;
        for (size_t half = 0; half < 2; half++) {
            unsigned char *at = encoded + 1 + half * group->secret_len;

            key_exchange_encode(group, &keys[0], encoded);
            limbs_to_bytes(at, group->prime, group->limbs);
            assert_false(key_exchange_decode(group, &peer, encoded, group->public_len));
            memset(at + group->secret_len - 8, 0xff, 8);
            assert_false(key_exchange_decode(group, &peer, encoded, group->public_len));
            memset(at, 0xff, group->secret_len);
            assert_false(key_exchange_decode(group, &peer, encoded, group->public_len));
        }
    }
}

/* Wrong y, the origin, and random x, half of which belong to the twist; in every lane,
 * among good ones. Also by the code for single operations. */
static void points_off_the_curve_are_refused_in_any_lane(void **state)
{
    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        const struct key_exchange_group *group = &key_exchange_groups[g];
        struct key_exchange_key own[LANES], peers[LANES];
        unsigned char secret[KEY_EXCHANGE_SECRET_MAX];

        assert_true(key_exchange_generate(&library, NULL, group, own));
        for (size_t lane = 0; lane < LANES; lane++) {
            assert_true(key_exchange_generate(&library, NULL, group, peers));
            peers[lane].y[lane % group->limbs] ^= UINT64_C(1) << lane;
            assert_agrees(group, own, peers, LANES);
            RAND_bytes((unsigned char *)peers[lane].x, 24);
            assert_agrees(group, own, peers, LANES);
            memset(&peers[lane], 0, sizeof(peers[lane]));
            assert_agrees(group, own, peers, LANES);
        }
        struct key_exchange_job job = {&own[0], &peers[LANES - 1], secret, true};

        key_exchange_derive_alone(group, &job);
        assert_false(job.ok);
    }
}

static void lone_jobs_agree_with_a_batch(void **state)
{
    struct key_exchange_key own[LANES], peers[LANES];
    unsigned char alone[KEY_EXCHANGE_SECRET_MAX], expected[KEY_EXCHANGE_SECRET_MAX];

    (void)state;
    need_library();
    for (size_t g = KEY_EXCHANGE_P384; g <= KEY_EXCHANGE_P256; g++) {
        const struct key_exchange_group *group = &key_exchange_groups[g];

        assert_true(key_exchange_generate(&library, NULL, group, own));
        assert_true(key_exchange_generate(&library, NULL, group, peers));
        for (size_t i = 0; i < LANES; i++) {
            struct key_exchange_job job = {&own[i], &peers[i], alone, false};

            key_exchange_derive_alone(group, &job);
            assert_true(job.ok && reference(group, &own[i], &peers[i], expected));
            assert_memory_equal(alone, expected, group->secret_len);
        }
    }
}

/* They agree with what OpenSSL derives from them. */
static void keys_are_made_and_used_without_a_library(void **state)
{
    unsigned char alone[KEY_EXCHANGE_SECRET_MAX], expected[KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_key own[LANES], peers[LANES];

    (void)state;
    for (size_t g = 0; g < KEY_EXCHANGE_GROUPS; g++) {
        const struct key_exchange_group *group = &key_exchange_groups[g];

        assert_true(key_exchange_generate(NULL, NULL, group, own));
        assert_true(key_exchange_generate(NULL, NULL, group, peers));
        for (size_t i = 0; i < LANES; i++) {
            struct key_exchange_job job = {&own[i], &peers[i], alone, false};

            key_exchange_derive_alone(group, &job);
            assert_true(job.ok && reference(group, &own[i], &peers[i], expected));
            assert_memory_equal(alone, expected, group->secret_len);
        }
    }
}

static void limbs_compare_as_numbers_do(void **state)
{
    static const uint64_t numbers[][2] = {{0, 0}, {1, 0}, {UINT64_MAX, 0}, {0, 1},
        {UINT64_MAX, 1}, {0, UINT64_MAX}, {UINT64_MAX - 1, UINT64_MAX},
        {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++)
            assert_int_equal(limbs_less(numbers[i], numbers[j], 2), i < j);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_keys_agree_with_openssl),
        cmocka_unit_test(public_keys_are_what_openssl_computes),
        cmocka_unit_test(edge_scalars_agree_with_openssl),
        cmocka_unit_test(special_points_agree_with_openssl),
        cmocka_unit_test(malformed_points_are_refused),
        cmocka_unit_test(points_off_the_curve_are_refused_in_any_lane),
        cmocka_unit_test(lone_jobs_agree_with_a_batch),
        cmocka_unit_test(keys_are_made_and_used_without_a_library),
        cmocka_unit_test(limbs_compare_as_numbers_do),
    };

    if (argc > 1 && strcmp(argv[1], "--full") == 0)
        batches = (argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000) / LANES;
    return cmocka_run_group_tests(tests, load_library, NULL);
}
