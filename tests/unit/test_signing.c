/* Batched signatures, verified by OpenSSL. --full: also RSA keys that take a second to
 * make. */
#include "tests/unit/engine_pairs.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "proxy/crypto/operation.h"

static bool long_run;

static void set_pss(EVP_PKEY_CTX *context)
{
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(
        EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
}

static void assert_signs(
    EVP_PKEY *signer, EVP_PKEY *verifier, const char *digest, bool pss)
{
    static const unsigned char message[] = "what is signed";
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof(signature), most = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    assert_int_equal(EVP_DigestSignInit_ex(
                         context, &options, digest, engine_libctx(), NULL, signer, NULL),
        1);
    if (pss)
        set_pss(options);
    assert_int_equal(EVP_DigestSign(context, NULL, &most, message, sizeof(message)), 1);
    assert_int_equal(
        EVP_DigestSign(context, signature, &len, message, sizeof(message)), 1);
    assert_true(len <= most);
    EVP_MD_CTX_reset(context);
    assert_int_equal(
        EVP_DigestVerifyInit_ex(context, &options, digest, NULL, NULL, verifier, NULL),
        1);
    if (pss)
        set_pss(options);
    assert_int_equal(
        EVP_DigestVerify(context, signature, len, message, sizeof(message)), 1);
    EVP_MD_CTX_free(context);
}

static void adopted_keys_sign_what_openssl_verifies(void **state)
{
    static const char *const digests[] = {
        "SHA2-256", "SHA2-384", "SHA2-512", "SHA2-224", "SHA1"};

    (void)state;
    need_batched();
    for (size_t k = 0; k < KINDS; k++) {
        EVP_PKEY *key, *adopted;

        if (kinds[k].bits > 3072 && !long_run)
            continue; /* takes a second to make */
        key = new_key(&kinds[k]);
        adopted = adopted_key(key);
        assert_ptr_not_equal(key, adopted);
        assert_int_equal(EVP_PKEY_eq(key, adopted), 1);
        for (size_t d = 0; d < sizeof(digests) / sizeof(digests[0]); d++) {
            assert_signs(adopted, key, digests[d], false);
            if (kinds[k].bits != 0)
                assert_signs(adopted, key, digests[d], true);
        }
        EVP_PKEY_free(adopted);
        EVP_PKEY_free(key);
    }
}

/* Imports a signing key without the provider. */
static void import_rsa(
    EVP_PKEY *key, struct signing_key *signing, struct rsa_numbers *rsa)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    uint64_t *const limbs[] = {rsa->p, rsa->q, rsa->dp, rsa->dq, rsa->qinv};
    BIGNUM *number = NULL;

    memset(signing, 0, sizeof(*signing));
    signing->bits = EVP_PKEY_get_bits(key);
    signing->rsa = rsa;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(EVP_PKEY_get_bn_param(key, names[i], &number), 1);
        BN_bn2lebinpad(number, (unsigned char *)limbs[i], signing->bits / 16);
    }
    assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number), 1);
    BN_bn2lebinpad(number, (unsigned char *)signing->modulus, signing->bits / 8);
    BN_free(number);
    signing->alone = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(signing->alone), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(signing->alone, RSA_NO_PADDING), 1);
    signing->check = signing_context_check(key);
}

/* The lanes have different keys; one has a wrong coefficient, like a flipped bit. Its
 * result must not get out, and OpenSSL makes it again. */
static void rsa_batches_equal_openssl_even_after_a_fault(void **state)
{
    struct signing_key keys[2];
    struct rsa_numbers *rsa;
    EVP_PKEY *openssl[2];
    unsigned char blocks[LANES][256], got[LANES][SIGNATURE_MAX], expected[SIGNATURE_MAX];
    struct signing_job jobs[LANES];

    (void)state;
    need_batched();
    rsa = calloc(2, sizeof(*rsa));
    for (size_t k = 0; k < 2; k++) {
        openssl[k] = key_stock_rsa(NULL, kinds[0].bits, (int)k);
        import_rsa(openssl[k], &keys[k], &rsa[k]);
    }
    for (size_t round = 0; round < 4; round++) {
        for (size_t i = 0; i < LANES; i++) {
            memset(blocks[i], (int)(round * 31 + i), sizeof(blocks[i]));
            blocks[i][0] = 0;
            jobs[i] = (struct signing_job){
                &keys[i % 2], blocks[i], sizeof(blocks[i]), 0, got[i], 0, false};
        }
        if (round == 2)
            rsa[1].qinv[3] ^= 1;
        signing_rsa(jobs, 1 + round * 2 + round / 3);
        for (size_t i = 0; i < 1 + round * 2 + round / 3; i++) {
            struct signing_job alone = jobs[i];

            alone.signature = expected;
            signing_alone(&alone);
            assert_true(jobs[i].ok && alone.ok);
            assert_int_equal(jobs[i].signature_len, alone.signature_len);
            assert_memory_equal(got[i], expected, alone.signature_len);
        }
    }
    for (size_t k = 0; k < 2; k++) {
        EVP_PKEY_CTX_free(keys[k].alone);
        EVP_PKEY_CTX_free(keys[k].check);
        EVP_PKEY_free(openssl[k]);
    }
    free(rsa);
}

/* Digests shorter and longer than the curve, zero, and above its order. */
static void ecdsa_batches_verify(void **state)
{
    (void)state;
    need_batched();
    for (size_t k = 3; k < KINDS; k++) {
        EVP_PKEY *key = new_key(&kinds[k]);
        struct signing_key signing = {
            .curve =
                &key_exchange_groups[k == 3 ? KEY_EXCHANGE_P256 : KEY_EXCHANGE_P384]};
        unsigned char digests[LANES][64], signatures[LANES][SIGNATURE_MAX];
        uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX];
        struct signing_job jobs[LANES];
        BIGNUM *number = NULL;
        EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new(key, NULL);

        assert_int_equal(
            EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number), 1);
        BN_bn2lebinpad(number, (unsigned char *)scalar, (int)signing.curve->secret_len);
        BN_clear_free(number);
        signing.scalar = scalar;
        signing.alone = EVP_PKEY_CTX_new(key, NULL);
        assert_int_equal(EVP_PKEY_sign_init(signing.alone), 1);
        signing.check = verify;
        assert_int_equal(EVP_PKEY_verify_init(verify), 1);
        for (size_t i = 0; i < LANES; i++) {
            memset(digests[i],
                i == 0       ? 0
                    : i == 1 ? 0xff
                             : (int)i * 37,
                sizeof(digests[i]));
            jobs[i] = (struct signing_job){&signing, digests[i], i % 2 ? 64 : 20 + i * 4,
                0, signatures[i], 0, false};
        }
        signing_ecdsa(jobs, LANES);
        for (size_t i = 0; i < LANES; i++) {
            assert_true(jobs[i].ok);
            assert_int_equal(EVP_PKEY_verify(verify, signatures[i], jobs[i].signature_len,
                                 digests[i], jobs[i].input_len),
                1);
            for (size_t j = 0; j < i; j++) /* no nonce twice */
                assert_memory_not_equal(signatures[i], signatures[j], 36);
        }
        EVP_PKEY_CTX_free(verify);
        EVP_PKEY_CTX_free(signing.alone);
        EVP_PKEY_free(key);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopted_keys_sign_what_openssl_verifies),
        cmocka_unit_test(rsa_batches_equal_openssl_even_after_a_fault),
        cmocka_unit_test(ecdsa_batches_verify),
    };

    long_run = argc > 1 && strcmp(argv[1], "--full") == 0;
    return cmocka_run_group_tests(tests, start_engine, stop_engine);
}
