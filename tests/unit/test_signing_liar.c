/* The signatures of a batch are verified before they are used: here by a library that
 * lies, on any CPU. */
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
#include <openssl/rsa.h>

#include "proxy/crypto/ecdsa_check.h"
#include "proxy/crypto/operation.h"
#include "proxy/crypto/signing.h"
#include "tests/unit/key_stock.h"

enum { SCRATCH = 64, DIGEST_LEN = 48, BLOCK_LEN = 256 };

/* The change that each lane makes to the right signature. */
enum lie {
    TRUTH,
    A_BIT_FLIPPED,
    ALL_ZERO,
    ALL_ONES,
    ANOTHER_LANES, /* right, but of another digest */
    TRUTH_CALLED_FAILURE,
    LIES
};

static enum lie lies[LANES];
static EVP_PKEY *key; /* in all lanes */
static unsigned called;
static bool quickly; /* checks signatures by ecdsa_check.h first */

static void tell(enum lie lie, uint8_t *bytes, size_t len)
{
    if (lie == A_BIT_FLIPPED)
        bytes[len / 2] ^= 4;
    else if (lie == ALL_ZERO || lie == ALL_ONES)
        memset(bytes, lie == ALL_ONES ? 0xff : 0, len);
}

static lane_status status_of_lies(void)
{
    lane_status status = 0;

    for (size_t i = 0; i < LANES; i++)
        status |= (lane_status)(lies[i] == TRUTH_CALLED_FAILURE) << (4 * i);
    called++;
    return status;
}

static size_t source_of(size_t lane)
{
    return lies[lane] == ANOTHER_LANES ? (lane + 1) % LANES : lane;
}

static lane_status sign_ecdsa(bytes_out r, bytes_out s, bytes_in digest, limbs_in nonce,
    limbs_in scalar, uint8_t *unused)
{
    int len = EVP_PKEY_get_bits(key) / 8;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

    (void)nonce, (void)scalar, (void)unused;
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    for (size_t i = 0; i < LANES; i++) {
        unsigned char der[SIGNATURE_MAX];
        const unsigned char *at = der;
        size_t der_len = sizeof(der);
        ECDSA_SIG *pair;

        assert_int_equal(
            EVP_PKEY_sign(context, der, &der_len, digest[source_of(i)], (size_t)len), 1);
        pair = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), r[i], len);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), s[i], len);
        ECDSA_SIG_free(pair);
        tell(lies[i], i % 2 == 0 ? r[i] : s[i], (size_t)len);
    }
    EVP_PKEY_CTX_free(context);
    return status_of_lies();
}

static lane_status sign_rsa(bytes_in from, bytes_out to, limbs_in p, limbs_in q,
    limbs_in dp, limbs_in dq, limbs_in qinv, int bits, const void *method,
    uint8_t *scratch)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

    (void)p, (void)q, (void)dp, (void)dq, (void)qinv, (void)method, (void)scratch;
    assert_int_equal(bits, 8 * BLOCK_LEN);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    for (size_t i = 0; i < LANES; i++) {
        size_t len = BLOCK_LEN;

        assert_int_equal(
            EVP_PKEY_sign(context, to[i], &len, from[source_of(i)], BLOCK_LEN), 1);
        tell(lies[i], to[i], len);
    }
    EVP_PKEY_CTX_free(context);
    return status_of_lies();
}

static const void *rsa_method(int bits)
{
    (void)bits;
    return NULL;
}

static int rsa_scratch_len(const void *method)
{
    (void)method;
    return SCRATCH;
}

static const struct multibuffer liar = {
    .p256_ecdsa = sign_ecdsa,
    .p384_ecdsa = sign_ecdsa,
    .rsa_private = sign_rsa,
    .rsa_private_method = rsa_method,
    .rsa_scratch_len = rsa_scratch_len,
};

/* ---- the keys ---- */

struct subject {
    struct signing_key signing;
    struct rsa_numbers numbers; /* the liar does not use them */
    uint64_t scalar[KEY_EXCHANGE_LIMBS_MAX];
    size_t input_len;
};

static EVP_PKEY *new_key(const struct key_exchange_group *curve, int number)
{
    return curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve->real_name)
                         : key_stock_rsa(NULL, (size_t)8 * BLOCK_LEN, number);
}

static void begin(struct subject *subject, const struct key_exchange_group *curve)
{
    memset(subject, 0, sizeof(*subject));
    key = new_key(curve, 0);
    subject->scalar[0] = 1;
    subject->input_len = curve != NULL ? DIGEST_LEN : BLOCK_LEN;
    subject->signing = (struct signing_key){.curve = curve,
        .bits = EVP_PKEY_get_bits(key),
        .rsa = &subject->numbers,
        .scalar = subject->scalar,
        .alone = signing_context_alone(key),
        .check = signing_context_check(key),
        .quick_check = quickly && curve != NULL ? ecdsa_check_new(curve, key) : NULL};
    assert_true(!quickly || curve == NULL || subject->signing.quick_check != NULL);
    called = 0;
}

static void end(struct subject *subject)
{
    EVP_PKEY_CTX_free(subject->signing.alone);
    EVP_PKEY_CTX_free(subject->signing.check);
    ecdsa_check_free(subject->signing.quick_check);
    EVP_PKEY_free(key);
}

/* Digests, or RSA's blocks, below any modulus. */
static void fill_input(unsigned char input[LANES][BLOCK_LEN])
{
    for (size_t i = 0; i < LANES; i++) {
        memset(input[i], (int)(i + 1) * 29, BLOCK_LEN);
        input[i][0] = 0;
    }
}

static void sign_batch(const struct subject *subject, struct signing_job jobs[LANES],
    unsigned char input[LANES][BLOCK_LEN], unsigned char out[LANES][SIGNATURE_MAX])
{
    fill_input(input);
    for (size_t i = 0; i < LANES; i++)
        jobs[i] = (struct signing_job){
            &subject->signing, input[i], subject->input_len, 0, out[i], 0, false};
    if (subject->signing.curve != NULL)
        signing_ecdsa(jobs, LANES);
    else
        signing_rsa(jobs, LANES);
    assert_int_equal(called, 1);
}

/* With contexts of the test's own. */
static bool verifies(const struct signing_job *job)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool right;

    assert_int_equal(EVP_PKEY_verify_init(context), 1);
    if (EVP_PKEY_is_a(key, "RSA"))
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING);
    right = EVP_PKEY_verify(context, job->signature, job->signature_len, job->input,
                job->input_len) == 1;
    EVP_PKEY_CTX_free(context);
    return right;
}

static const struct key_exchange_group *const curves[] = {
    NULL, /* RSA */
    &key_exchange_groups[KEY_EXCHANGE_P256],
    &key_exchange_groups[KEY_EXCHANGE_P384],
};
enum { CURVES = sizeof(curves) / sizeof(curves[0]) };

/* Every lie in every lane. */
static void no_lie_of_a_batch_leaves(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        for (size_t shift = 0; shift < LIES; shift++) {
            unsigned char input[LANES][BLOCK_LEN], out[LANES][SIGNATURE_MAX];
            struct signing_job jobs[LANES];
            struct subject subject;

            begin(&subject, curves[c]);
            for (size_t i = 0; i < LANES; i++)
                lies[i] = (enum lie)((i + shift) % LIES);
            sign_batch(&subject, jobs, input, out);
            for (size_t i = 0; i < LANES; i++)
                assert_true(jobs[i].ok && verifies(&jobs[i]));
            end(&subject);
        }
    }
}

/* OpenSSL signs in place of the batch with another key: not even a byte of that
 * leaves. */
static void no_lie_of_openssl_leaves_either(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        unsigned char input[LANES][BLOCK_LEN], out[LANES][SIGNATURE_MAX];
        static const unsigned char nothing[SIGNATURE_MAX];
        struct signing_job jobs[LANES];
        struct subject subject;
        EVP_PKEY *other = new_key(curves[c], 1);

        begin(&subject, curves[c]);
        EVP_PKEY_CTX_free(subject.signing.alone);
        subject.signing.alone = signing_context_alone(other);
        for (size_t i = 0; i < LANES; i++)
            lies[i] = i % 2 == 0 ? A_BIT_FLIPPED : TRUTH;
        sign_batch(&subject, jobs, input, out);
        for (size_t i = 0; i < LANES; i++) {
            assert_int_equal(jobs[i].ok, i % 2 == 1);
            if (!jobs[i].ok)
                assert_memory_equal(out[i], nothing, sizeof(nothing));
        }
        EVP_PKEY_free(other);
        end(&subject);
    }
}

/* Without a key to verify by there is no signature. */
static void no_unverifiable_signature_leaves(void **state)
{
    (void)state;
    for (size_t c = 0; c < CURVES; c++) {
        unsigned char input[LANES][BLOCK_LEN], out[LANES][SIGNATURE_MAX];
        struct signing_job jobs[LANES];
        struct subject subject;

        begin(&subject, curves[c]);
        EVP_PKEY_CTX_free(subject.signing.check);
        subject.signing.check = NULL;
        memset(lies, 0, sizeof(lies));
        sign_batch(&subject, jobs, input, out);
        for (size_t i = 0; i < LANES; i++)
            assert_false(jobs[i].ok);
        end(&subject);
    }
}

/* It is the key with one bit of dP flipped. */
static EVP_PKEY *faulty_copy(EVP_PKEY *from)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *numbers = NULL, *dp;
    EVP_PKEY *copy = NULL;

    assert_int_equal(EVP_PKEY_todata(from, EVP_PKEY_KEYPAIR, &numbers), 1);
    dp = OSSL_PARAM_locate(numbers, OSSL_PKEY_PARAM_RSA_EXPONENT1);
    assert_non_null(dp);
    ((unsigned char *)dp->data)[dp->data_size / 2] ^= 4;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &copy, EVP_PKEY_KEYPAIR, numbers), 1);
    OSSL_PARAM_free(numbers);
    EVP_PKEY_CTX_free(context);
    return copy;
}

/* Its results are not verified again, so it has to find a fault of its own. */
static void rsa_of_openssl_checks_itself(void **state)
{
    unsigned char input[LANES][BLOCK_LEN], out[SIGNATURE_MAX];
    struct subject subject;
    EVP_PKEY *faulty;

    (void)state;
    begin(&subject, NULL);
    assert_true(signing_alone_checks(key));
    faulty = faulty_copy(key);
    EVP_PKEY_CTX_free(subject.signing.alone);
    subject.signing.alone = signing_context_alone(faulty);
    subject.signing.alone_checks = true;
    fill_input(input);
    for (size_t i = 0; i < LANES; i++) {
        struct signing_job job = {
            &subject.signing, input[i], BLOCK_LEN, 0, out, 0, false};

        signing_alone(&job);
        assert_true(job.ok && verifies(&job));
    }
    EVP_PKEY_free(faulty);
    end(&subject);
}

static void ecdsa_of_openssl_does_not(void **state)
{
    (void)state;
    for (size_t c = 1; c < CURVES; c++) {
        key = new_key(curves[c], 0);
        assert_false(signing_alone_checks(key));
        EVP_PKEY_free(key);
    }
}

static struct operation submitted[LANES];

static void submit(const struct subject *subject, unsigned char input[LANES][BLOCK_LEN],
    unsigned char out[LANES][SIGNATURE_MAX], size_t count)
{
    fill_input(input);
    for (size_t i = 0; i < count; i++) {
        submitted[i] = (struct operation){.kind = OPERATION_RSA_2048,
            .job.signing = {&subject->signing, input[i], BLOCK_LEN, 0, out[i], 0, false}};
        operation_submit(&submitted[i], false);
    }
}

/* Two are signed one by one, three in a batch of eight. */
static void lanes_are_counted(void **state)
{
    unsigned char input[LANES][BLOCK_LEN], out[LANES][SIGNATURE_MAX];
    const size_t counts[] = {2, 3, LANES};
    const size_t offered[] = {0, LANES, 2 * LANES}, used[] = {0, 3, 3 + LANES};
    struct subject subject;

    (void)state;
    memset(lies, 0, sizeof(lies));
    begin(&subject, NULL);
    operations_start(&liar);
    for (size_t i = 0; i < 3; i++) {
        submit(&subject, input, out, counts[i]);
        assert_int_equal(operations_costly(), counts[i]);
        while (operations_waiting() > 0)
            (void)operations_run(false);
        assert_int_equal(operations_costly(), 0);
        assert_int_equal(operations_lanes().offered, offered[i]);
        assert_int_equal(operations_lanes().used, used[i]);
    }
    operations_start(NULL);
    end(&subject);
}

static int start(void **state)
{
    (void)state;
    return signing_start(&liar, NULL) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    signing_stop();
    return 0;
}

static int check_quickly(void **state)
{
    (void)state;
    quickly = true;
    return 0;
}

static int check_by_the_public_key(void **state)
{
    (void)state;
    quickly = false;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_lie_of_a_batch_leaves),
        cmocka_unit_test(no_lie_of_openssl_leaves_either),
        {"no_lie_passes_the_quick_check", no_lie_of_a_batch_leaves, check_quickly,
            check_by_the_public_key, NULL},
        {"no_lie_of_openssl_passes_it_either", no_lie_of_openssl_leaves_either,
            check_quickly, check_by_the_public_key, NULL},
        cmocka_unit_test(no_unverifiable_signature_leaves),
        cmocka_unit_test(rsa_of_openssl_checks_itself),
        cmocka_unit_test(ecdsa_of_openssl_does_not),
        cmocka_unit_test(lanes_are_counted),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
