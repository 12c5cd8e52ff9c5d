/* Project Wycheproof's vectors for RSA PKCS#1, RSA PSS and ECDSA, against every
 * implementation that we verify with; and the signer signs their messages. */
#include "tests/unit/wycheproof.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "proxy/crypto/padding.h"
#include "proxy/crypto/signature_scheme.h"
#include "proxy/crypto/signing.h"
#include "proxy/ipc/key_snapshot.h"
#include "proxy/signer/signer_keys.h"
#include "tests/unit/engine_rig.h"

static const struct signature_file {
    const char *name;
    uint16_t scheme;
} files[] = {
    {"rsa_signature_2048_sha256_test.json", 0x0401},
    {"rsa_signature_2048_sha384_test.json", 0x0501},
    {"rsa_signature_2048_sha512_test.json", 0x0601},
    {"rsa_pss_2048_sha256_mgf1_32_test.json", 0x0804},
    {"rsa_pss_2048_sha384_mgf1_48_test.json", 0x0805},
    {"ecdsa_secp256r1_sha256_test.json", 0x0403},
    {"ecdsa_secp384r1_sha384_test.json", 0x0503},
};
enum { FILES = sizeof(files) / sizeof(files[0]) };

static const struct signature_scheme *scheme_of(const struct signature_file *file)
{
    return signature_scheme_find(file->scheme);
}

static EVP_PKEY *public_key(const struct vector *vector)
{
    struct octets der = octets_of(vector, "publicKeyDer");
    const unsigned char *at = der.bytes;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, (long)der.len, engine_libctx(), NULL);

    assert_non_null(key);
    return key;
}

/* ---- verification ---- */

/* Like libssl for a client's certificate and its CertificateVerify. */
static bool openssl_verifies(const struct signature_scheme *scheme, EVP_PKEY *key,
    const struct octets *message, const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;
    bool right;

    assert_int_equal(EVP_DigestVerifyInit_ex(context, &options, scheme->digest,
                         engine_libctx(), NULL, key, NULL),
        1);
    if (scheme->kind == SIGNATURE_PSS) {
        EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    right = EVP_DigestVerify(context, signature, len, message->bytes, message->len) == 1;
    EVP_MD_CTX_free(context);
    return right;
}

static enum verdict judge_by_openssl(const struct vector *vector, const void *file)
{
    EVP_PKEY *key = public_key(vector);
    struct octets message = octets_of(vector, "msg"),
                  signature = octets_of(vector, "sig");
    bool right =
        openssl_verifies(scheme_of(file), key, &message, signature.bytes, signature.len);

    EVP_PKEY_free(key);
    return right ? VERDICT_RIGHT : VERDICT_REFUSED;
}

/* Every signature must pass this before it is used. */
static enum verdict judge_by_ours(const struct vector *vector, const void *file)
{
    const struct signature_scheme *scheme = scheme_of(file);
    const struct digest *digest = digest_find(scheme->digest);
    EVP_PKEY *public = public_key(vector);
    struct signing_key key = {.check = signing_context_check(public)};
    struct octets message = octets_of(vector, "msg"),
                  signature = octets_of(vector, "sig");
    const struct digest_part part = part_of(&message);
    unsigned char hash[DIGEST_MAX], block[SIGNATURE_MAX];
    struct signing_job job = {
        &key, hash, digest->len, 0, signature.bytes, signature.len, false};
    bool right;

    (void)digest_parts(digest, &part, 1, hash);
    if (scheme->kind == SIGNATURE_PKCS1) {
        job.input = block;
        job.input_len = (size_t)EVP_PKEY_get_size(public);
        assert_true(padding_pkcs1(digest, hash, block, job.input_len));
    }
    right = signing_is_right(&job);
    EVP_PKEY_CTX_free(key.check);
    EVP_PKEY_free(public);
    return right ? VERDICT_RIGHT : VERDICT_REFUSED;
}

static void openssl_verifies_what_is_valid_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        run_vectors(files[i].name, "OpenSSL", judge_by_openssl, &files[i]);
}

/* A PSS block is not known in advance: our code finds its signature valid, and OpenSSL
 * checks the block. */
static void ours_passes_what_is_valid_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        if (scheme_of(&files[i])->kind != SIGNATURE_PSS)
            run_vectors(files[i].name, "signing_is_right()", judge_by_ours, &files[i]);
    }
}

/* ---- the signer ---- */

struct signing_subject {
    const struct signature_file *file;
    EVP_PKEY *key;
};

enum { KEY_NUMBER = 77 };

static EVP_PKEY *make_key(const struct signature_file *file)
{
    if (strcmp(scheme_of(file)->key_type, "EC") != 0)
        return EVP_PKEY_Q_keygen(engine_libctx(), NULL, "RSA", (size_t)2048);
    return EVP_PKEY_Q_keygen(
        engine_libctx(), NULL, "EC", file->scheme == 0x0403 ? "P-256" : "P-384");
}

static void give_to_signer(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    struct key_snapshot_key only = {KEY_NUMBER, (const char *)der, (size_t)len};
    const struct key_snapshot snapshot = {1, &only, 1};
    size_t size = key_snapshot_size(&snapshot);
    char *bytes = malloc(size);
    struct error err;

    assert_non_null(bytes);
    key_snapshot_encode(&snapshot, bytes, size);
    assert_true(signer_keys_load(bytes, size, &err));
    free(bytes);
    OPENSSL_free(der);
}

static void sign(struct signer_task *tasks, size_t count)
{
    bool waits[LANES];

    for (size_t i = 0; i < count; i++)
        waits[i] = !signer_keys_begin(&tasks[i]);
    while (operations_run(false) > 0)
        continue;
    for (size_t i = 0; i < count; i++) {
        if (waits[i])
            signer_keys_end(&tasks[i]);
    }
}

/* Alone, or as a full batch where there are batches. */
static enum verdict judge_signer(const struct vector *vector, const void *data)
{
    static struct signer_task tasks[LANES];
    const struct signing_subject *subject = data;
    const struct signature_scheme *scheme = scheme_of(subject->file);
    const struct digest *digest = digest_find(scheme->digest);
    struct octets message = octets_of(vector, "msg");
    const struct digest_part part = part_of(&message);
    size_t count = engine_is_batched() ? LANES : 1;
    unsigned char hash[DIGEST_MAX];

    if (strcmp(text_of(vector, "result"), "valid") != 0)
        return VERDICT_OTHER_USE;
    (void)digest_parts(digest, &part, 1, hash);
    for (size_t i = 0; i < count; i++)
        tasks[i] = (struct signer_task){.key = KEY_NUMBER,
            .scheme = subject->file->scheme,
            .input = hash,
            .input_len = digest->len};
    sign(tasks, count);
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].signature_len == 0)
            return VERDICT_REFUSED;
        if (!openssl_verifies(scheme, subject->key, &message, tasks[i].signature,
                tasks[i].signature_len))
            return VERDICT_WRONG;
    }
    return VERDICT_RIGHT;
}

static void the_signer_signs_every_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        struct signing_subject subject = {&files[i], make_key(&files[i])};

        assert_non_null(subject.key);
        give_to_signer(subject.key);
        run_vectors(files[i].name, "the signer", judge_signer, &subject);
        signer_keys_destroy();
        EVP_PKEY_free(subject.key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_what_is_valid_and_nothing_else),
        cmocka_unit_test(ours_passes_what_is_valid_and_nothing_else),
        cmocka_unit_test(the_signer_signs_every_message),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_engine);
}
