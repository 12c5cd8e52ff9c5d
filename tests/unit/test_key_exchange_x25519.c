/* X25519, with batches for the others or without, against OpenSSL's: peers of any form,
 * and refused ones. */
#include "tests/unit/key_exchange_rig.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define FULL 0xff, 0xff, 0xff, 0xff, 0xff /* six times: 30 bytes */

/* The points of small order (RFC 7748, 7 and the list of curve25519's author), their
 * forms above the prime, and each with the top bit set. OpenSSL refuses them all, with a
 * result of zeros. */
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
    const struct key_exchange_group *group = &key_exchange_groups[KEY_EXCHANGE_X25519];
    struct key_exchange_key own = {.scalar = {8, 1, 1, UINT64_C(1) << 62}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(low) / sizeof(low[0]); i++) {
        unsigned char encoded[32], secret[32], zero[32] = {0};
        struct key_exchange_key peer;
        struct key_exchange_job job = {&own, &peer, secret, true};

        memcpy(encoded, low[i / 2], sizeof(encoded));
        encoded[31] |= (unsigned char)(i % 2 << 7);
        assert_false(key_exchange_decode(group, &peer, encoded, sizeof(encoded)));
        assert_false(reference_x25519(&own, encoded, secret));
        /* If one ever passed, its all-zero result would not. */
        if (i < 8) {
            key_exchange_derive(&library, group, &job, 1);
            assert_false(job.ok);
            assert_memory_equal(secret, zero, sizeof(zero));
        }
    }
}

static void x25519_peers_of_any_form_agree_with_openssl(void **state)
{
    const struct key_exchange_group *group = &key_exchange_groups[KEY_EXCHANGE_X25519];
    struct key_exchange_key own[LANES], peer;
    unsigned char encoded[32], secret[32], expected[32];

    (void)state;
    assert_true(key_exchange_generate(&library, NULL, group, own));
    for (size_t n = 0; n < 20 * LANES; n++) {
        struct key_exchange_job job = {&own[n % LANES], &peer, secret, false};

        /* u from 2^255 - 19 up to 2^255 - 1, and random bytes: twist or curve */
        memset(encoded, 0xff, sizeof(encoded));
        if (n < 19)
            encoded[0] = (unsigned char)(0xed + n);
        else
            RAND_bytes(encoded, sizeof(encoded));
        if (n % 2 == 0)
            own[n % LANES].scalar[3] ^= UINT64_MAX; /* unclamped scalars */
        if (!key_exchange_decode(group, &peer, encoded, sizeof(encoded))) {
            assert_false(reference_x25519(job.own, encoded, expected));
            continue;
        }
        key_exchange_derive(&library, group, &job, 1);
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
    const struct key_exchange_group *group = &key_exchange_groups[KEY_EXCHANGE_X25519];

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        unsigned char encoded[32], expected[32], secret[32];
        struct key_exchange_key own = {{0}, {0}, {0}}, peer;
        struct key_exchange_job job = {&own, &peer, secret, false};
        size_t len;

        OPENSSL_hexstr2buf_ex((unsigned char *)own.scalar, 32, &len, vectors[i][0], '\0');
        OPENSSL_hexstr2buf_ex(encoded, 32, &len, vectors[i][1], '\0');
        OPENSSL_hexstr2buf_ex(expected, 32, &len, vectors[i][2], '\0');
        assert_true(key_exchange_decode(group, &peer, encoded, 32));
        key_exchange_derive(&library, group, &job, 1);
        assert_true(job.ok);
        assert_memory_equal(secret, expected, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x25519_points_of_low_order_are_refused),
        cmocka_unit_test(x25519_peers_of_any_form_agree_with_openssl),
        cmocka_unit_test(x25519_passes_the_rfc_vectors),
    };

    return cmocka_run_group_tests(tests, load_library, NULL);
}
