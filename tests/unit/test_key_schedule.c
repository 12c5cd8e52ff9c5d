/* The key derivations of TLS 1.3 and 1.2 in our provider, against OpenSSL's. */
#include "tests/unit/engine_rig.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

static bool derive_key(OSSL_LIB_CTX *libctx, const char *name, OSSL_PARAM *params,
    unsigned char *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(libctx, name, NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool ok;

    assert_int_equal(libctx == NULL,
        strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "default") == 0);
    ok = EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return ok;
}

/* Bit i of `given`: whether the parameter is given. */
static void compare_key_schedules(
    int mode, const char *digest, size_t digest_len, unsigned given, size_t out_len)
{
    static unsigned char bytes[64] =
        "a secret of as many bytes as the longest digest may have ..";
    const struct {
        const char *name;
        size_t len;
    } parts[] = {{OSSL_KDF_PARAM_KEY, digest_len}, {OSSL_KDF_PARAM_SALT, digest_len},
        {OSSL_KDF_PARAM_PREFIX, 6}, {OSSL_KDF_PARAM_LABEL, 12},
        {OSSL_KDF_PARAM_DATA, digest_len}};
    OSSL_PARAM params[8], *p = params;
    unsigned char ours[300] = {0}, theirs[300] = {0};
    bool possible;

    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    *p++ = OSSL_PARAM_construct_utf8_string(
        OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0);
    for (size_t i = 0; i < 5; i++) {
        if (given & 1u << i)
            *p++ = OSSL_PARAM_construct_octet_string(parts[i].name, bytes, parts[i].len);
    }
    *p = OSSL_PARAM_construct_end();
    possible = derive_key(NULL, OSSL_KDF_NAME_TLS1_3_KDF, params, theirs, out_len);
    assert_int_equal(
        derive_key(engine_libctx(), OSSL_KDF_NAME_TLS1_3_KDF, params, ours, out_len),
        possible);
    if (possible)
        assert_memory_equal(ours, theirs, sizeof(ours));
}

static void the_key_schedule_equals_openssls(void **state)
{
    static const struct {
        const char *name;
        size_t len;
    } digests[] = {{"SHA2-256", 32}, {"SHA2-384", 48}, {"SHA512", 64}};
    static const size_t lens[] = {1, 12, 16, 31, 32, 33, 48, 64, 65, 300};

    (void)state;
    need_ours();
    for (size_t d = 0; d < 3; d++) {
        for (unsigned given = 0; given < 32; given++) {
            if ((given & 3) != 0 && (given & 12) == 12)
                compare_key_schedules(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, digests[d].name,
                    digests[d].len, given, digests[d].len);
            for (size_t l = 0; (given & 1) != 0 && l < 10; l++)
                compare_key_schedules(EVP_KDF_HKDF_MODE_EXPAND_ONLY, digests[d].name,
                    digests[d].len, given, lens[l]);
        }
    }
    ERR_clear_error();
}

/* Secrets shorter and longer than a block, one to five seeds, some of them empty. */
static void the_prf_equals_openssls(void **state)
{
    static const char *const digests[] = {"SHA2-256", "SHA2-384"};
    static const size_t secret_lens[] = {1, 32, 48, 64, 65, 128, 129, 200};
    static const size_t lens[] = {1, 12, 32, 48, 49, 104, 300};
    static unsigned char secret[200] = {1, 2, 3}, seed[64] = {9, 8, 7};
    unsigned char ours[300] = {0}, theirs[300] = {0};

    (void)state;
    need_ours();
    for (size_t i = 0; i < 2 * 8 * 7 * 5; i++) {
        OSSL_PARAM params[8], *p = params;
        size_t len = lens[i / 16 % 7];

        *p++ = OSSL_PARAM_construct_utf8_string(
            OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digests[i % 2], 0);
        *p++ = OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SECRET, secret, secret_lens[i / 2 % 8]);
        for (size_t n = 0; n <= i / (2 * 8 * 7); n++)
            *p++ = OSSL_PARAM_construct_octet_string(
                OSSL_KDF_PARAM_SEED, seed, n % 3 == 1 ? 0 : 32 + n);
        *p = OSSL_PARAM_construct_end();
        assert_true(derive_key(NULL, OSSL_KDF_NAME_TLS1_PRF, params, theirs, len));
        assert_true(
            derive_key(engine_libctx(), OSSL_KDF_NAME_TLS1_PRF, params, ours, len));
        assert_memory_equal(ours, theirs, sizeof(ours));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_schedule_equals_openssls),
        cmocka_unit_test(the_prf_equals_openssls),
    };
    const struct CMUnitTest own_tests[] = {
        cmocka_unit_test(the_key_schedule_equals_openssls),
        cmocka_unit_test(the_prf_equals_openssls),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_engine) +
        cmocka_run_group_tests(own_tests, start_own_engine, stop_engine);
}
