/* Our P-384 against OpenSSL's. --full [keys]: a million keys, half of them with the
 * instructions that this CPU has for it, half without. --timing: under valgrind, which
 * then reports every branch and address that depends on a scalar. */
#include "tests/unit/p384_rig.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_MAKE_MEM_UNDEFINED
#define VALGRIND_MAKE_MEM_UNDEFINED(at, len) ((void)(at), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(at, len) ((void)(at), (void)(len))
#endif

/* A sanitizer checks the code's use of memory, which does not depend on the numbers: a
 * few are enough. */
#ifdef WLB_SANITIZE
static size_t keys = 40;
static int step = 17; /* of powers and periods */
#else
static size_t keys = 1200;
static int step = 1;
#endif

enum { PEERS = 2 };

static void assert_public_is(const struct point *expected, const uint64_t scalar[LIMBS])
{
    struct point got;

    assert_true(p384_public(got.x, got.y, scalar));
    assert_memory_equal(&got, expected, sizeof(got));
}

static void assert_public(const uint64_t scalar[LIMBS])
{
    struct point expected;

    assert_true(reference(&expected, scalar, NULL));
    assert_public_is(&expected, scalar);
}

/* With the CPU's instructions, and in C alone. */
static void random_keys_agree_with_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < keys; i++) {
        uint64_t scalar[LIMBS];
        struct point peer;

        p384_start(i % 2 != 0 ? P384_PLAIN : P384_BEST);
        random_scalar(scalar);
        assert_true(p384_public(peer.x, peer.y, scalar));
        if (i % 4 < 2)
            assert_public(scalar);
        random_scalar(scalar);
        assert_derives(scalar, &peer);
    }
}

/* RFC 5903, 8.2: the initiator's and the responder's keys. */
static void the_vectors_of_rfc_5903_pass(void **state)
{
    static const char *const private_keys[] = {
        "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655"
        "E35B538041E649EE3FAEF896783AB194",
        "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942"
        "E0308312916B8ED2960E4BD55A7448FC"};
    static const char shared[] =
        "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4"
        "D603135569B9E9D09CF5D4A270F59746";
    uint64_t scalars[2][LIMBS];
    struct point points[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(BN_hex2bn(&openssl.k, private_keys[i]), 96);
        to_limbs(scalars[i], openssl.k);
        assert_true(p384_public(points[i].x, points[i].y, scalars[i]));
    }
    for (size_t i = 0; i < 2; i++) {
        unsigned char secret[P384_SECRET_LEN], expected[P384_SECRET_LEN];
        size_t len;

        assert_int_equal(
            OPENSSL_hexstr2buf_ex(expected, sizeof(expected), &len, shared, '\0'), 1);
        assert_true(p384_derive(secret, scalars[i], points[1 - i].x, points[1 - i].y));
        assert_memory_equal(secret, expected, sizeof(secret));
    }
}

/* k is the value of openssl.k, unless that is out of range. OpenSSL takes most of the
 * time, and is asked once for both of ours. */
static void try_scalar(const struct point *peers, size_t count)
{
    struct point public, products[PEERS];
    uint64_t scalar[LIMBS];

    if (BN_is_zero(openssl.k) || BN_is_negative(openssl.k) ||
        BN_cmp(openssl.k, openssl.order) >= 0)
        return;
    to_limbs(scalar, openssl.k);
    assert_true(reference(&public, scalar, NULL));
    for (size_t i = 0; i < count; i++)
        assert_true(reference(&products[i], scalar, &peers[i]));
    for (int plain = 0; plain < 2; plain++) {
        p384_start(plain ? P384_PLAIN : P384_BEST);
        assert_public_is(&public, scalar);
        for (size_t i = 0; i < count; i++)
            assert_derives_it(&products[i], scalar, &peers[i]);
    }
}

/* +-2^bit + offset. */
static void try_power(int bit, int offset, bool negative, const struct point *peer)
{
    BN_zero(openssl.k);
    BN_set_bit(openssl.k, bit);
    if (negative)
        BN_sub(openssl.k, openssl.order, openssl.k);
    if (offset < 0)
        BN_sub_word(openssl.k, (BN_ULONG)-offset);
    else
        BN_add_word(openssl.k, (BN_ULONG)offset);
    try_scalar(peer, 1);
}

/* The one special sum of the ladder (38, order - 38) is among them. */
static void the_smallest_and_largest_scalars_agree(void **state)
{
    struct point peers[PEERS];
    uint64_t scalar[LIMBS];

    (void)state;
    random_scalar(scalar);
    assert_true(reference(&peers[0], scalar, NULL));
    memset(scalar, 0, sizeof(scalar));
    scalar[0] = 1;
    assert_true(reference(&peers[1], scalar, NULL));
    for (BN_ULONG k = 1; k <= 130; k++) {
        BN_set_word(openssl.k, k);
        try_scalar(peers, PEERS);
        BN_copy(openssl.k, openssl.order);
        BN_sub_word(openssl.k, k);
        try_scalar(peers, PEERS);
    }
}

/* Powers of two and their neighbours, at every border of a window, a comb or a limb. */
static void scalars_around_powers_of_two_agree(void **state)
{
    struct point peer;
    uint64_t scalar[LIMBS];

    (void)state;
    random_scalar(scalar);
    assert_true(reference(&peer, scalar, NULL));
    for (int bit = 0; bit < 384; bit += step) {
        try_power(bit, bit % 3 - 1, false, &peer);
        try_power(bit, bit % 3 - 1, true, &peer);
    }
}

/* Runs of ones and of zeros. */
static void sparse_and_dense_scalars_agree(void **state)
{
    struct point peer;
    uint64_t scalar[LIMBS];

    (void)state;
    random_scalar(scalar);
    assert_true(reference(&peer, scalar, NULL));
    for (int period = 2; period < 66; period += step) {
        BN_zero(openssl.k);
        for (int bit = 0; bit < 383; bit++) {
            if (bit % period == 0 || (period % 2 == 0 && bit % period < period / 2))
                BN_set_bit(openssl.k, bit);
        }
        try_scalar(&peer, 1);
        BN_sub(openssl.k, openssl.order, openssl.k);
        try_scalar(&peer, 1);
    }
}

/* The points with the smallest and the largest x, and both y of each. */
static void edge_points_agree(void **state)
{
    uint64_t scalar[LIMBS];
    size_t found = 0;

    (void)state;
    for (BN_ULONG n = 0; n < 60; n++) {
        struct point peer;

        if (n % 2 == 0)
            BN_set_word(openssl.x, n / 2);
        else if (BN_copy(openssl.x, openssl.prime) != NULL)
            BN_sub_word(openssl.x, 1 + n / 2);
        to_limbs(peer.x, openssl.x);
        for (int y_bit = 0; y_bit < 2; y_bit++) {
            from_limbs(openssl.x, peer.x);
            if (EC_POINT_set_compressed_coordinates(
                    openssl.curve, openssl.point, openssl.x, y_bit, openssl.numbers) != 1)
                continue;
            assert_int_equal(EC_POINT_get_affine_coordinates(openssl.curve, openssl.point,
                                 openssl.x, openssl.y, openssl.numbers),
                1);
            to_limbs(peer.y, openssl.y);
            p384_start(found++ % 3 == 0 ? P384_PLAIN : P384_BEST);
            random_scalar(scalar);
            assert_derives(scalar, &peer);
        }
    }
    assert_true(found > 20);
}

/* Asks the CPU itself: valgrind hides the instruction, although it can run it. */
static bool cpu_has_adx(void)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[4096];
    bool has = false;

    while (file != NULL && !has && fgets(line, sizeof(line), file) != NULL)
        has = strncmp(line, "flags", 5) == 0 && strstr(line, " adx") != NULL &&
            strstr(line, " bmi2") != NULL;
    if (file != NULL)
        (void)fclose(file);
    return has;
}

/* valgrind follows undefined values: none may decide a branch or an address, except as in
 * p384.supp. The results may be defined. */
static void scalars_take_no_part_in_timing(void **state)
{
    unsigned char secret[P384_SECRET_LEN];
    uint64_t scalar[LIMBS];
    struct point peer, public;

    (void)state;
    for (int way = 0; way < (cpu_has_adx() ? 2 : 1); way++) {
        p384_start(way == 0 ? P384_PLAIN : P384_X86);
        random_scalar(scalar);
        assert_true(reference(&peer, scalar, NULL));
        random_scalar(scalar);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(scalar, sizeof(scalar));
        (void)p384_derive(secret, scalar, peer.x, peer.y);
        (void)p384_public(public.x, public.y, scalar);
        (void)VALGRIND_MAKE_MEM_DEFINED(scalar, sizeof(scalar));
        (void)VALGRIND_MAKE_MEM_DEFINED(secret, sizeof(secret));
        (void)VALGRIND_MAKE_MEM_DEFINED(&public, sizeof(public));
        assert_derives(scalar, &peer);
        assert_public(scalar);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_5903_pass),
        cmocka_unit_test(the_smallest_and_largest_scalars_agree),
        cmocka_unit_test(scalars_around_powers_of_two_agree),
        cmocka_unit_test(sparse_and_dense_scalars_agree),
        cmocka_unit_test(edge_points_agree),
        cmocka_unit_test(random_keys_agree_with_openssl),
    };
    const struct CMUnitTest timing[] = {
        cmocka_unit_test(scalars_take_no_part_in_timing),
    };

    if (argc > 1 && strcmp(argv[1], "--full") == 0) {
        keys = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
        step = 1;
    }
    if (argc > 1 && strcmp(argv[1], "--timing") == 0)
        return cmocka_run_group_tests(timing, start_openssl, stop_openssl);
    return cmocka_run_group_tests(tests, start_openssl, stop_openssl);
}
