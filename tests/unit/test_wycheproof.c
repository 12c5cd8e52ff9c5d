/* Project Wycheproof's vectors for key exchange, records, HMAC and HKDF, against every
 * implementation of them that we use. */
#include "tests/unit/wycheproof.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "proxy/base/error.h"
#include "proxy/crypto/gcm.h"
#include "proxy/crypto/key_exchange.h"
#include "proxy/crypto/limbs.h"
#include "proxy/crypto/p384.h"
#include "proxy/crypto/p384_field.h"
#include "proxy/crypto/record_cipher.h"

static struct multibuffer library;
static bool batches;

static enum verdict compare(
    const unsigned char *got, const struct octets *expected, size_t len)
{
    return expected->len == len && memcmp(got, expected->bytes, len) == 0 ? VERDICT_RIGHT
                                                                          : VERDICT_WRONG;
}

/* ---- key exchange ---- */

struct exchange_subject {
    const struct key_exchange_group *group;
    enum verdict (*derive)(const struct exchange_subject *subject,
        const struct octets *own, const struct octets *peer,
        const struct octets *expected);
};

/* X509_verify_cert() refuses a key without a named curve. */
static bool has_named_curve(const EVP_PKEY *key, const char *name)
{
    char curve[32] = "";
    int is_explicit = 0;

    return EVP_PKEY_get_int_param(
               key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
        !is_explicit && EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
        strcmp(curve, strcmp(name, "secp256r1") == 0 ? "prime256v1" : name) == 0;
}

/* Vectors of `encoding` asn hold a SubjectPublicKeyInfo, which TLS does not exchange:
 * OpenSSL reads it, as in a certificate. */
static bool read_peer(const struct vector *vector, struct octets *peer)
{
    const unsigned char *at = peer->bytes;
    unsigned char *point = NULL;
    EVP_PKEY *key;
    size_t len = 0;

    *peer = octets_of(vector, "public");
    if (json_object_get(vector->group, "encoding") == NULL ||
        strcmp(text_of(vector, "encoding"), "asn") != 0)
        return true;
    key = d2i_PUBKEY(NULL, &at, (long)peer->len);
    if (key != NULL && at == peer->bytes + peer->len &&
        has_named_curve(key, text_of(vector, "curve")))
        len = EVP_PKEY_get1_encoded_public_key(key, &point);
    if (len > 0)
        memcpy(peer->bytes, point, len);
    peer->len = len;
    OPENSSL_free(point);
    EVP_PKEY_free(key);
    return len > 0;
}

static enum verdict judge_exchange(const struct vector *vector, const void *subject)
{
    const struct exchange_subject *exchange = subject;
    struct octets own = octets_of(vector, "private"), peer;
    struct octets expected = octets_of(vector, "shared");

    if (!read_peer(vector, &peer))
        return VERDICT_REFUSED;
    return exchange->derive(exchange, &own, &peer, &expected);
}

/* A scalar is big-endian, with zeros before it or without; X25519's is used unchanged. */
static bool read_scalar(const struct key_exchange_group *group, const struct octets *from,
    struct key_exchange_key *own)
{
    BIGNUM *number;
    int len = (int)(group->limbs * LIMB_BYTES);
    bool fits;

    memset(own, 0, sizeof(*own));
    if (group->prime == NULL) {
        memcpy(own->scalar, from->bytes, 32);
        return true;
    }
    number = BN_bin2bn(from->bytes, (int)from->len, NULL);
    fits = BN_bn2lebinpad(number, (unsigned char *)own->scalar, len) == len;
    BN_free(number);
    return fits;
}

static enum verdict derive_alone(const struct exchange_subject *subject,
    const struct octets *own, const struct octets *peer, const struct octets *expected)
{
    struct key_exchange_key ours, theirs;
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_job job = {&ours, &theirs, secret, false};

    assert_true(read_scalar(subject->group, own, &ours));
    if (!key_exchange_decode(subject->group, &theirs, peer->bytes, peer->len))
        return VERDICT_REFUSED;
    key_exchange_derive_alone(subject->group, &job);
    return job.ok ? compare(secret, expected, subject->group->secret_len)
                  : VERDICT_REFUSED;
}

/* In every lane. Scalars that key_exchange_generate() never draws are not given to
 * crypto_mb. */
static enum verdict derive_in_batch(const struct exchange_subject *subject,
    const struct octets *own, const struct octets *peer, const struct octets *expected)
{
    const struct key_exchange_group *group = subject->group;
    struct key_exchange_key ours, theirs;
    unsigned char secrets[LANES][KEY_EXCHANGE_SECRET_MAX];
    struct key_exchange_job jobs[LANES];
    enum verdict verdict = VERDICT_RIGHT;

    assert_true(read_scalar(group, own, &ours));
    if (limbs_are_zero(ours.scalar + 1, group->limbs - 1) ||
        !limbs_less(ours.scalar + 1, group->order + 1, group->limbs - 1))
        return VERDICT_OTHER_USE;
    if (!key_exchange_decode(group, &theirs, peer->bytes, peer->len))
        return VERDICT_REFUSED;
    for (size_t i = 0; i < LANES; i++)
        jobs[i] = (struct key_exchange_job){&ours, &theirs, secrets[i], false};
    key_exchange_derive(&library, group, jobs, LANES);
    for (size_t i = 0; i < LANES && verdict == VERDICT_RIGHT; i++)
        verdict = jobs[i].ok ? compare(secrets[i], expected, group->secret_len)
                             : VERDICT_REFUSED;
    return verdict;
}

static EVP_PKEY *own_key(const struct key_exchange_group *group, const struct octets *own)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *scalar = BN_bin2bn(own->bytes, (int)own->len, NULL);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    OSSL_PARAM_BLD_push_utf8_string(
        builder, OSSL_PKEY_PARAM_GROUP_NAME, group->real_name, 0);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(scalar);
    return key;
}

/* Like libssl under crypto = openssl. */
static enum verdict derive_by_evp(const struct exchange_subject *subject,
    const struct octets *own, const struct octets *peer, const struct octets *expected)
{
    bool montgomery = subject->group->prime == NULL;
    EVP_PKEY *ours = montgomery
        ? EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, own->bytes, own->len)
        : own_key(subject->group, own);
    EVP_PKEY *theirs = EVP_PKEY_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(ours, NULL);
    unsigned char secret[KEY_EXCHANGE_SECRET_MAX];
    size_t len = sizeof(secret);
    enum verdict verdict = VERDICT_REFUSED;

    assert_int_equal(EVP_PKEY_copy_parameters(theirs, ours), 1);
    if (EVP_PKEY_set1_encoded_public_key(theirs, peer->bytes, peer->len) == 1 &&
        EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, theirs) == 1 &&
        EVP_PKEY_derive(context, secret, &len) == 1)
        verdict = compare(secret, expected, len);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    EVP_PKEY_free(ours);
    return verdict;
}

static const char *const exchange_files[KEY_EXCHANGE_GROUPS][2] = {
    [KEY_EXCHANGE_P384] = {"ecdh_secp384r1_ecpoint_test.json",
        "ecdh_secp384r1_test.json"},
    [KEY_EXCHANGE_P256] = {"ecdh_secp256r1_ecpoint_test.json",
        "ecdh_secp256r1_test.json"},
    [KEY_EXCHANGE_X25519] = {"x25519_test.json", NULL},
};

static void try_group(size_t group, const char *what, struct exchange_subject subject)
{
    subject.group = &key_exchange_groups[group];
    for (size_t i = 0; i < 2 && exchange_files[group][i] != NULL; i++)
        run_vectors(exchange_files[group][i], what, judge_exchange, &subject);
}

static void p384_of_our_own_in_c(void **state)
{
    (void)state;
    p384_start(P384_PLAIN);
    exchange_alone_start(true);
    try_group(KEY_EXCHANGE_P384, "C", (struct exchange_subject){.derive = derive_alone});
}

static void p384_of_our_own_in_assembler(void **state)
{
    (void)state;
    if (!p384_field_x86_can())
        skip();
    p384_start(P384_BEST);
    exchange_alone_start(true);
    try_group(KEY_EXCHANGE_P384, "x86-64 assembler",
        (struct exchange_subject){.derive = derive_alone});
}

static void every_group_by_openssl_one_at_a_time(void **state)
{
    (void)state;
    exchange_alone_start(false);
    for (size_t group = 0; group < KEY_EXCHANGE_GROUPS; group++)
        try_group(group, "OpenSSL, called by us",
            (struct exchange_subject){.derive = derive_alone});
}

static void every_group_by_openssl_as_libssl_calls_it(void **state)
{
    (void)state;
    for (size_t group = 0; group < KEY_EXCHANGE_GROUPS; group++)
        try_group(
            group, "OpenSSL's EVP", (struct exchange_subject){.derive = derive_by_evp});
}

static void both_curves_in_batches(void **state)
{
    (void)state;
    if (!batches)
        skip();
    for (size_t group = KEY_EXCHANGE_P384; group <= KEY_EXCHANGE_P256; group++)
        try_group(group, library.description,
            (struct exchange_subject){.derive = derive_in_batch});
}

/* ---- records ---- */

static enum verdict open_record(
    struct record_key *key, const struct record_text *text, const struct octets *expected)
{
    unsigned char opened[WYCHEPROOF_BYTES_MAX];

    return record_open(key, text, opened)
        ? compare(opened, expected, text->len - RECORD_TAG)
        : VERDICT_REFUSED;
}

static enum verdict seal_record(
    struct record_key *key, const struct record_text *text, const struct octets *expected)
{
    unsigned char sealed[WYCHEPROOF_BYTES_MAX + RECORD_TAG];

    assert_true(record_seal(key, text, NULL, sealed));
    return compare(sealed, expected, text->len + RECORD_TAG);
}

/* An opened record, sealed again, must equal the original. */
static enum verdict both_ways(enum record_cipher cipher, const struct octets *bytes,
    struct record_text *plain, const struct octets *message, const struct octets *sealed)
{
    struct record_text secret = *plain;
    struct record_key seals, opens;
    enum verdict opened, made;

    secret.bytes = sealed->bytes;
    secret.len = sealed->len;
    record_key_init(&seals, cipher, true, bytes->bytes);
    record_key_init(&opens, cipher, false, bytes->bytes);
    opened = open_record(&opens, &secret, message);
    made = seal_record(&seals, plain, sealed);
    record_key_destroy(&opens);
    record_key_destroy(&seals);
    return opened == VERDICT_RIGHT ? made : opened;
}

/* Only sizes that TLS has are judged. */
static enum verdict judge_record(const struct vector *vector, const void *subject)
{
    const enum record_cipher *ciphers = subject; /* one or two */
    struct octets key = octets_of(vector, "key"), nonce = octets_of(vector, "iv");
    struct octets aad = octets_of(vector, "aad"), message = octets_of(vector, "msg");
    struct octets sealed = octets_of(vector, "ct"), tag = octets_of(vector, "tag");
    struct record_text plain = {
        nonce.bytes, aad.bytes, aad.len, message.bytes, message.len};

    if (nonce.len != RECORD_NONCE || tag.len != RECORD_TAG)
        return VERDICT_OTHER_USE;
    memcpy(sealed.bytes + sealed.len, tag.bytes, tag.len);
    sealed.len += tag.len;
    for (size_t i = 0; i < 2; i++) {
        if (record_key_len(ciphers[i]) == key.len)
            return both_ways(ciphers[i], &key, &plain, &message, &sealed);
    }
    return VERDICT_OTHER_USE;
}

static const enum record_cipher aes[] = {RECORD_AES_128_GCM, RECORD_AES_256_GCM};
static const enum record_cipher chacha[] = {
    RECORD_CHACHA20_POLY1305, RECORD_CHACHA20_POLY1305};

static void records_by_openssl(void **state)
{
    (void)state;
    assert_true(record_ciphers_start(NULL, false));
    run_vectors("aes_gcm_test.json", "OpenSSL", judge_record, aes);
    run_vectors("chacha20_poly1305_test.json", "OpenSSL", judge_record, chacha);
    record_ciphers_stop();
}

static void records_by_ipsec_mb(void **state)
{
    struct error why;

    (void)state;
    if (!gcm_start(&why)) {
        print_message("no ipsec-mb: %s\n", why.text);
        skip();
    }
    gcm_stop();
    assert_true(record_ciphers_start(NULL, true));
    assert_true(gcm_is_there());
    run_vectors("aes_gcm_test.json", gcm_description(), judge_record, aes);
    record_ciphers_stop();
}

/* ---- HMAC and HKDF ---- */

typedef void make_mac(const struct digest *digest, const struct octets *key,
    const struct octets *message, unsigned char *mac);

struct hash_subject {
    const char *digest;
    make_mac *mac;
};

static void mac_of_ours(const struct digest *digest, const struct octets *key,
    const struct octets *message, unsigned char *mac)
{
    const struct digest_part part = part_of(message);

    assert_true(digest_hmac(digest, part_of(key), &part, 1, mac));
}

static void mac_of_openssl(const struct digest *digest, const struct octets *key,
    const struct octets *message, unsigned char *mac)
{
    size_t len;

    assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, digest->names[0], NULL, key->bytes,
        key->len, message->bytes, message->len, mac, DIGEST_MAX, &len));
}

/* A vector may contain only the beginning of the MAC. */
static enum verdict judge_mac(const struct vector *vector, const void *data)
{
    const struct hash_subject *subject = data;
    struct octets key = octets_of(vector, "key"), message = octets_of(vector, "msg");
    struct octets tag = octets_of(vector, "tag");
    unsigned char mac[DIGEST_MAX];

    subject->mac(digest_find(subject->digest), &key, &message, mac);
    return CRYPTO_memcmp(mac, tag.bytes, number_of(vector, "tagSize") / 8) == 0
        ? VERDICT_RIGHT
        : VERDICT_REFUSED;
}

static enum verdict judge_hkdf(const struct vector *vector, const void *data)
{
    const struct hash_subject *subject = data;
    const struct digest *digest = digest_find(subject->digest);
    struct octets input = octets_of(vector, "ikm"), salt = octets_of(vector, "salt");
    struct octets info = octets_of(vector, "info"), expected = octets_of(vector, "okm");
    size_t size = number_of(vector, "size");
    unsigned char secret[DIGEST_MAX], out[256 * DIGEST_MAX];

    mac_of_ours(digest, &salt, &input, secret);
    return digest_hkdf_expand(digest, (struct digest_part){secret, digest->len},
               part_of(&info), out, size)
        ? compare(out, &expected, size)
        : VERDICT_REFUSED;
}

static void hmac_by_all(void **state)
{
    (void)state;
    run_vectors("hmac_sha256_test.json", "ours", judge_mac,
        &(struct hash_subject){"SHA256", mac_of_ours});
    run_vectors("hmac_sha384_test.json", "ours", judge_mac,
        &(struct hash_subject){"SHA2-384", mac_of_ours});
    run_vectors("hmac_sha256_test.json", "OpenSSL", judge_mac,
        &(struct hash_subject){"SHA256", mac_of_openssl});
    run_vectors("hmac_sha384_test.json", "OpenSSL", judge_mac,
        &(struct hash_subject){"SHA2-384", mac_of_openssl});
}

static void hkdf_by_ours(void **state)
{
    (void)state;
    run_vectors("hkdf_sha256_test.json", "ours", judge_hkdf,
        &(struct hash_subject){"SHA256", mac_of_ours});
    run_vectors("hkdf_sha384_test.json", "ours", judge_hkdf,
        &(struct hash_subject){"SHA2-384", mac_of_ours});
}

static int start(void **state)
{
    struct error why;

    (void)state;
    digests_start();
    batches = multibuffer_load(&library, &why);
    if (!batches)
        print_message("batches are skipped: %s\n", why.text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p384_of_our_own_in_c),
        cmocka_unit_test(p384_of_our_own_in_assembler),
        cmocka_unit_test(every_group_by_openssl_one_at_a_time),
        cmocka_unit_test(every_group_by_openssl_as_libssl_calls_it),
        cmocka_unit_test(both_curves_in_batches),
        cmocka_unit_test(records_by_openssl),
        cmocka_unit_test(records_by_ipsec_mb),
        cmocka_unit_test(hmac_by_all),
        cmocka_unit_test(hkdf_by_ours),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
