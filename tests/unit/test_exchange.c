/* Batched key exchange against OpenSSL's own. --full [keys]: a million keys of each
 * group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>

#include "config/error.h"
#include "proxy/crypto/exchange.h"
#include "proxy/crypto/limbs.h"
#include "proxy/crypto/p384.h"
#include "proxy/crypto/self_test.h"

static struct multibuffer library;
static bool loaded;
static size_t batches = 25;

static void need_library(void)
{
    if (!loaded)
        skip();
}

/* [scalar]point by OpenSSL's curve arithmetic; NULL x: the generator. */
static bool reference_multiply(const struct exchange_group *group,
    const struct exchange_key *own, const struct exchange_key *peer,
    struct exchange_key *product)
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

static bool reference_x25519(
    const struct exchange_key *own, const unsigned char *peer, unsigned char *secret)
{
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(
        EVP_PKEY_X25519, NULL, (const void *)own->scalar, 32);
    EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
    size_t len = 32;
    bool ok = EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
        EVP_PKEY_derive(context, secret, &len) == 1;

    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    return ok;
}

static bool reference(const struct exchange_group *group, const struct exchange_key *own,
    const struct exchange_key *peer, unsigned char *secret)
{
    struct exchange_key product;

    if (group->prime == NULL)
        return reference_x25519(own, (const unsigned char *)peer->x, secret);
    if (!reference_multiply(group, own, peer, &product))
        return false;
    limbs_to_bytes(secret, product.x, group->limbs);
    return true;
}

static void assert_agrees(const struct exchange_group *group,
    const struct exchange_key *own, const struct exchange_key *peers, size_t count)
{
    unsigned char secrets[LANES][EXCHANGE_SECRET_MAX], expected[EXCHANGE_SECRET_MAX];
    struct exchange_job jobs[LANES];

    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct exchange_job){&own[i], &peers[i], secrets[i], false};
    exchange_derive(&library, group, jobs, count);
    for (size_t i = 0; i < count; i++) {
        bool possible = reference(group, &own[i], &peers[i], expected);

        assert_int_equal(jobs[i].ok, possible);
        if (possible)
            assert_memory_equal(secrets[i], expected, group->secret_len);
    }
}

static void random_keys_agree_with_openssl(void **state)
{
    struct exchange_key own[LANES], peers[LANES];

    (void)state;
    need_library();
    for (size_t g = 0; g < EXCHANGE_GROUPS; g++) {
        for (size_t b = 0; b < batches; b++) {
            assert_true(exchange_generate(&library, NULL, &exchange_groups[g], own));
            assert_true(exchange_generate(&library, NULL, &exchange_groups[g], peers));
            assert_agrees(&exchange_groups[g], own, peers, 1 + b % LANES);
        }
    }
}

static void public_keys_are_what_openssl_computes(void **state)
{
    struct exchange_key keys[LANES], expected;

    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        for (size_t b = 0; b < batches; b++) {
            assert_true(exchange_generate(&library, NULL, &exchange_groups[g], keys));
            for (size_t i = 0; i < LANES; i++) {
                assert_true(
                    reference_multiply(&exchange_groups[g], &keys[i], NULL, &expected));
                assert_memory_equal(keys[i].x, expected.x, sizeof(expected.x));
                assert_memory_equal(keys[i].y, expected.y, sizeof(expected.y));
            }
        }
    }
}

/* The smallest and the largest that may be drawn, sparse and dense ones. */
static void edge_scalar(
    const struct exchange_group *group, size_t n, struct exchange_key *key)
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
    struct exchange_key own[LANES], peers[LANES];

    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        for (size_t n = 0; n < 64; n += LANES) {
            assert_true(exchange_generate(&library, NULL, &exchange_groups[g], peers));
            for (size_t i = 0; i < LANES; i++)
                edge_scalar(&exchange_groups[g], n + i, &own[i]);
            assert_agrees(&exchange_groups[g], own, peers, LANES);
        }
    }
}

/* The generator, and its negative: equal in x. */
static void special_points_agree_with_openssl(void **state)
{
    struct exchange_key own[LANES], peers[LANES], one = {.scalar = {1}};

    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        const struct exchange_group *group = &exchange_groups[g];

        assert_true(exchange_generate(&library, NULL, group, own));
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

/* Everything but an uncompressed point with reduced coordinates. */
static void malformed_points_are_refused(void **state)
{
    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        const struct exchange_group *group = &exchange_groups[g];
        struct exchange_key keys[LANES], peer;
        unsigned char encoded[EXCHANGE_PUBLIC_MAX + 1] = {0};
        static const unsigned char infinity[1];

        assert_true(exchange_generate(&library, NULL, group, keys));
        exchange_encode(group, &keys[0], encoded);
        assert_true(exchange_decode(group, &peer, encoded, group->public_len));
        assert_false(exchange_decode(group, &peer, encoded, group->public_len - 1));
        assert_false(exchange_decode(group, &peer, encoded, group->public_len + 1));
        assert_false(exchange_decode(group, &peer, encoded, 1 + group->secret_len));
        assert_false(exchange_decode(group, &peer, encoded, 0));
        assert_false(exchange_decode(group, &peer, infinity, 1));
        for (int form = 0; form < 256; form++) {
            encoded[0] = (unsigned char)form;
            assert_int_equal(
                exchange_decode(group, &peer, encoded, group->public_len), form == 4);
        }
        encoded[0] = 4;
        for (size_t half = 0; half < 2; half++) {
            unsigned char *at = encoded + 1 + half * group->secret_len;

            exchange_encode(group, &keys[0], encoded);
            limbs_to_bytes(at, group->prime, group->limbs);
            assert_false(exchange_decode(group, &peer, encoded, group->public_len));
            memset(at + group->secret_len - 8, 0xff, 8);
            assert_false(exchange_decode(group, &peer, encoded, group->public_len));
            memset(at, 0xff, group->secret_len);
            assert_false(exchange_decode(group, &peer, encoded, group->public_len));
        }
    }
}

/* Wrong y, the origin, and random x, half of which belong to the twist; in every lane,
 * among good ones. The lone path too. */
static void points_off_the_curve_are_refused_in_any_lane(void **state)
{
    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        const struct exchange_group *group = &exchange_groups[g];
        struct exchange_key own[LANES], peers[LANES];
        unsigned char secret[EXCHANGE_SECRET_MAX];

        assert_true(exchange_generate(&library, NULL, group, own));
        for (size_t lane = 0; lane < LANES; lane++) {
            assert_true(exchange_generate(&library, NULL, group, peers));
            peers[lane].y[lane % group->limbs] ^= UINT64_C(1) << lane;
            assert_agrees(group, own, peers, LANES);
            RAND_bytes((unsigned char *)peers[lane].x, 24);
            assert_agrees(group, own, peers, LANES);
            memset(&peers[lane], 0, sizeof(peers[lane]));
            assert_agrees(group, own, peers, LANES);
        }
        struct exchange_job job = {&own[0], &peers[LANES - 1], secret, true};

        exchange_derive_alone(group, &job);
        assert_false(job.ok);
    }
}

static void lone_jobs_agree_with_a_batch(void **state)
{
    struct exchange_key own[LANES], peers[LANES];
    unsigned char alone[EXCHANGE_SECRET_MAX], expected[EXCHANGE_SECRET_MAX];

    (void)state;
    need_library();
    for (size_t g = EXCHANGE_P384; g <= EXCHANGE_P256; g++) {
        const struct exchange_group *group = &exchange_groups[g];

        assert_true(exchange_generate(&library, NULL, group, own));
        assert_true(exchange_generate(&library, NULL, group, peers));
        for (size_t i = 0; i < LANES; i++) {
            struct exchange_job job = {&own[i], &peers[i], alone, false};

            exchange_derive_alone(group, &job);
            assert_true(job.ok && reference(group, &own[i], &peers[i], expected));
            assert_memory_equal(alone, expected, group->secret_len);
        }
    }
}

/* And agree with what OpenSSL derives from them. */
static void keys_are_made_and_used_without_a_library(void **state)
{
    unsigned char alone[EXCHANGE_SECRET_MAX], expected[EXCHANGE_SECRET_MAX];
    struct exchange_key own[LANES], peers[LANES];

    (void)state;
    for (size_t g = 0; g < EXCHANGE_GROUPS; g++) {
        const struct exchange_group *group = &exchange_groups[g];

        assert_true(exchange_generate(NULL, NULL, group, own));
        assert_true(exchange_generate(NULL, NULL, group, peers));
        for (size_t i = 0; i < LANES; i++) {
            struct exchange_job job = {&own[i], &peers[i], alone, false};

            exchange_derive_alone(group, &job);
            assert_true(job.ok && reference(group, &own[i], &peers[i], expected));
            assert_memory_equal(alone, expected, group->secret_len);
        }
    }
}

#define FULL 0xff, 0xff, 0xff, 0xff, 0xff /* six times: 30 bytes */

/* The points of small order (RFC 7748, 7 and the list of curve25519's author), their
 * forms above the prime, and each with the top bit set: which OpenSSL refuses, all zero.
 */
static void x25519_points_of_low_order_are_refused(void **state)
{
    static const unsigned char low[][32] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1,
            0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62,
            0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c,
            0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22,
            0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        {0xec, FULL, FULL, FULL, FULL, FULL, FULL, 0x7f},
        {0xed, FULL, FULL, FULL, FULL, FULL, FULL, 0x7f},
        {0xee, FULL, FULL, FULL, FULL, FULL, FULL, 0x7f},
    };
    const struct exchange_group *group = &exchange_groups[EXCHANGE_X25519];
    struct exchange_key own = {.scalar = {8, 1, 1, UINT64_C(1) << 62}};

    (void)state;
    need_library();
    for (size_t i = 0; i < 2 * sizeof(low) / sizeof(low[0]); i++) {
        unsigned char encoded[32], secret[32], zero[32] = {0};
        struct exchange_key peer;
        struct exchange_job job = {&own, &peer, secret, true};

        memcpy(encoded, low[i / 2], sizeof(encoded));
        encoded[31] |= (unsigned char)(i % 2 << 7);
        assert_false(exchange_decode(group, &peer, encoded, sizeof(encoded)));
        assert_false(reference_x25519(&own, encoded, secret));
        /* Should one ever pass, an all-zero result does not. */
        if (i < 8) {
            exchange_derive(&library, group, &job, 1);
            assert_false(job.ok);
            assert_memory_equal(secret, zero, sizeof(zero));
        }
    }
}

static void x25519_peers_of_any_form_agree_with_openssl(void **state)
{
    const struct exchange_group *group = &exchange_groups[EXCHANGE_X25519];
    struct exchange_key own[LANES], peer;
    unsigned char encoded[32], secret[32], expected[32];

    (void)state;
    need_library();
    assert_true(exchange_generate(&library, NULL, group, own));
    for (size_t n = 0; n < 20 * LANES; n++) {
        struct exchange_job job = {&own[n % LANES], &peer, secret, false};

        /* u from 2^255 - 19 up to 2^255 - 1, and random bytes: twist or curve */
        memset(encoded, 0xff, sizeof(encoded));
        if (n < 19)
            encoded[0] = (unsigned char)(0xed + n);
        else
            RAND_bytes(encoded, sizeof(encoded));
        if (n % 2 == 0)
            own[n % LANES].scalar[3] ^= UINT64_MAX; /* unclamped scalars */
        if (!exchange_decode(group, &peer, encoded, sizeof(encoded))) {
            assert_false(reference_x25519(job.own, encoded, expected));
            continue;
        }
        exchange_derive(&library, group, &job, 1);
        assert_true(job.ok && reference_x25519(job.own, encoded, expected));
        assert_memory_equal(secret, expected, sizeof(expected));
    }
}

/* RFC 7748, 5.2: the second test vector's u has its top bit set. */
static void x25519_passes_the_rfc_vectors(void **state)
{
    static const char *const vectors[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    const struct exchange_group *group = &exchange_groups[EXCHANGE_X25519];

    (void)state;
    need_library();
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned char encoded[32], expected[32], secret[32];
        struct exchange_key own = {{0}, {0}, {0}}, peer;
        struct exchange_job job = {&own, &peer, secret, false};
        size_t len;

        OPENSSL_hexstr2buf_ex((unsigned char *)own.scalar, 32, &len, vectors[i][0], '\0');
        OPENSSL_hexstr2buf_ex(encoded, 32, &len, vectors[i][1], '\0');
        OPENSSL_hexstr2buf_ex(expected, 32, &len, vectors[i][2], '\0');
        assert_true(exchange_decode(group, &peer, encoded, 32));
        exchange_derive(&library, group, &job, 1);
        assert_true(job.ok);
        assert_memory_equal(secret, expected, 32);
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

static void the_self_test_passes_and_notices_a_broken_library(void **state)
{
    struct multibuffer broken = library;
    struct error err;

    (void)state;
    need_library();
    assert_true(self_test(&library, exchange_derive_alone, NULL, &err));
    broken.p384_ecdh = library.p256_ecdh;
    assert_false(self_test(&broken, exchange_derive_alone, NULL, &err));
    assert_non_null(strstr(err.text, "secp384r1"));
}

static void flip_a_bit(const struct exchange_group *group, struct exchange_job *job)
{
    exchange_derive_alone(group, job);
    job->secret[47] ^= 1;
}

static void believe_any_point(
    const struct exchange_group *group, struct exchange_job *job)
{
    exchange_derive_alone(group, job);
    job->ok = true;
}

static void the_self_test_notices_a_broken_p384_of_ours(void **state)
{
    exchange_alone *const broken[] = {flip_a_bit, believe_any_point};
    struct error err;

    (void)state;
    assert_true(self_test(NULL, exchange_derive_alone, NULL, &err));
    for (size_t i = 0; i < 2; i++) {
        assert_false(self_test(NULL, broken[i], NULL, &err));
        assert_string_equal(err.text, "our P-384 fails its self-test");
        if (loaded)
            assert_false(self_test(&library, broken[i], NULL, &err));
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
        cmocka_unit_test(x25519_points_of_low_order_are_refused),
        cmocka_unit_test(x25519_peers_of_any_form_agree_with_openssl),
        cmocka_unit_test(x25519_passes_the_rfc_vectors),
        cmocka_unit_test(limbs_compare_as_numbers_do),
        cmocka_unit_test(the_self_test_passes_and_notices_a_broken_library),
        cmocka_unit_test(the_self_test_notices_a_broken_p384_of_ours),
    };
    struct error err;

    if (argc > 1 && strcmp(argv[1], "--full") == 0)
        batches = (argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000) / LANES;
    p384_start(P384_BEST);
    loaded = multibuffer_load(&library, &err);
    if (!loaded)
        (void)printf("batched operations are skipped: %s\n", err.text);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
