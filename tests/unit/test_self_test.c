/* The self-test of the key exchange detects faults. */
#include "tests/unit/key_exchange_rig.h"

#include "proxy/crypto/self_test.h"

static void the_self_test_passes_and_notices_a_broken_library(void **state)
{
    struct multibuffer broken = library;
    struct error err;

    (void)state;
    need_library();
    assert_true(self_test(&library, key_exchange_derive_alone, NULL, &err));
    broken.p384_ecdh = library.p256_ecdh;
    assert_false(self_test(&broken, key_exchange_derive_alone, NULL, &err));
    assert_non_null(strstr(err.text, "secp384r1"));
}

static void flip_a_bit(
    const struct key_exchange_group *group, struct key_exchange_job *job)
{
    key_exchange_derive_alone(group, job);
    job->secret[47] ^= 1;
}

static void believe_any_point(
    const struct key_exchange_group *group, struct key_exchange_job *job)
{
    key_exchange_derive_alone(group, job);
    job->ok = true;
}

static void the_self_test_notices_a_broken_p384_of_ours(void **state)
{
    key_exchange_alone *const broken[] = {flip_a_bit, believe_any_point};
    struct error err;

    (void)state;
    assert_true(self_test(NULL, key_exchange_derive_alone, NULL, &err));
    for (size_t i = 0; i < 2; i++) {
        assert_false(self_test(NULL, broken[i], NULL, &err));
        assert_string_equal(err.text, "our P-384 fails its self-test");
        if (loaded)
            assert_false(self_test(&library, broken[i], NULL, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_self_test_passes_and_notices_a_broken_library),
        cmocka_unit_test(the_self_test_notices_a_broken_p384_of_ours),
    };

    return cmocka_run_group_tests(tests, load_library, NULL);
}
