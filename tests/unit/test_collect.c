#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "certstore/finding.h"
#include "certstore/read/collect.h"
#include "certstore/read/container.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static struct {
    X509 *root, *leaf;
    EVP_PKEY *key;
} world;

static int make_world(void **state)
{
    (void)state;
    world.key = pki_key(RSA, 0);
    world.root = pki_certificate(&(struct pki_request){.subject = "Root", .ca = true},
        pki_key(RSA, 1), NULL, NULL);
    world.leaf = pki_certificate(
        &(struct pki_request){.subject = "leaf"}, world.key, world.root, pki_key(RSA, 1));
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    X509_free(world.root);
    X509_free(world.leaf);
    return 0;
}

struct expected {
    size_t certificates, keys, locked, requests, others;
    const char *finding; /* NULL: none */
};

static void expect_bytes(const unsigned char *bytes, size_t len, const char *password,
    const struct expected *expected)
{
    struct collection collection;
    struct findings findings;

    collection_init(&collection);
    findings_init(&findings);
    (void)collect_text(&collection, "f", (const char *)bytes, len, password, &findings);
    assert_int_equal(
        collection_count(&collection, COLLECTED_CERTIFICATE), expected->certificates);
    assert_int_equal(collection_count(&collection, COLLECTED_KEY), expected->keys);
    assert_int_equal(
        collection_count(&collection, COLLECTED_LOCKED_KEY), expected->locked);
    assert_int_equal(
        collection_count(&collection, COLLECTED_REQUEST), expected->requests);
    assert_int_equal(collection_count(&collection, COLLECTED_OTHER), expected->others);
    if (expected->finding == NULL) {
        assert_int_equal(findings.count, 0);
    } else {
        assert_int_not_equal(findings.count, 0);
        assert_string_equal(findings.items[0].id, expected->finding);
    }
    findings_destroy(&findings);
    collection_destroy(&collection);
}

static void expect_text(
    const char *text, const char *password, const struct expected *expected)
{
    expect_bytes((const unsigned char *)text, strlen(text), password, expected);
}

/* The text of an encrypted key; kept until the caller frees it. */
static char *encrypted_key(bool traditional)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long len;

    if (traditional)
        PEM_write_bio_PrivateKey_traditional(bio, world.key, EVP_aes_128_cbc(),
            (const unsigned char *)"secret", 6, NULL, NULL);
    else
        PEM_write_bio_PKCS8PrivateKey(
            bio, world.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    len = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static void pem_of_all_kinds_is_collected(void **state)
{
    X509_REQ *request = X509_to_X509_REQ(world.leaf, world.key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    const char *all;
    char *data, *csr;
    long len;

    (void)state;
    PEM_write_bio_X509_REQ(bio, request);
    len = BIO_get_mem_data(bio, &data);
    csr = strndup(data, (size_t)len);
    all = pki_join(pki_pem(world.leaf), csr, pki_key_pem(world.key),
        "-----BEGIN DH PARAMETERS-----\nMAAA\n-----END DH PARAMETERS-----\n",
        pki_pem(world.root), NULL);
    expect_text(all, NULL, &(struct expected){2, 1, 0, 1, 1, NULL});
    free(csr);
    BIO_free(bio);
    X509_REQ_free(request);
}

static void keys_are_opened_by_their_password_only(void **state)
{
    (void)state;
    for (int traditional = 0; traditional < 2; traditional++) {
        char *text = encrypted_key(traditional == 1);

        expect_text(text, "secret", &(struct expected){.keys = 1});
        expect_text(
            text, "guess", &(struct expected){.locked = 1, .finding = "key-encrypted"});
        expect_text(
            text, NULL, &(struct expected){.locked = 1, .finding = "key-encrypted"});
        free(text);
    }
    expect_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nM!\n"
                "-----END ENCRYPTED PRIVATE KEY-----\n",
        NULL, &(struct expected){.finding = "bad-key"});
}

static void expect_pkcs12(const char *made_with, int rounds, const char *password,
    const struct expected *expected)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    unsigned char *der = NULL;
    PKCS12 *container;
    int len;

    sk_X509_push(issuers, world.root);
    container = PKCS12_create(
        made_with, "name", world.key, world.leaf, issuers, 0, 0, rounds, 1, 0);
    assert_non_null(container);
    len = i2d_PKCS12(container, &der);
    expect_bytes(der, (size_t)len, password, expected);
    for (size_t cut = 1; cut < (size_t)len; cut += 97)
        expect_bytes(der, cut, password, &(struct expected){.finding = "not-pem"});
    OPENSSL_free(der);
    PKCS12_free(container);
    sk_X509_free(issuers);
}

static void pkcs12_is_opened_without_asking(void **state)
{
    const struct expected whole = {.certificates = 2, .keys = 1};
    const struct expected locked = {.locked = 1, .finding = "key-encrypted"};

    (void)state;
    expect_pkcs12("secret", 1000, "secret", &whole);
    expect_pkcs12("secret", 1000, NULL, &locked);
    expect_pkcs12("secret", 1000, "guess", &locked);
    expect_pkcs12("", 1000, NULL, &whole);
}

/* Some bytes that claim to be a key, encrypted under a key derived in that way. */
static int sealed_bytes(X509_ALGOR *algorithm, unsigned char **der)
{
    X509_SIG *sealed = X509_SIG_new();
    X509_ALGOR *own;
    ASN1_OCTET_STRING *bytes;
    int len;

    X509_SIG_getm(sealed, &own, &bytes);
    X509_ALGOR_copy(own, algorithm);
    ASN1_OCTET_STRING_set(bytes, (const unsigned char *)"0123456789abcdef", 16);
    len = i2d_X509_SIG(sealed, der);
    X509_SIG_free(sealed);
    X509_ALGOR_free(algorithm);
    return len;
}

static X509_ALGOR *pbkdf2(int rounds)
{
    return PKCS5_pbe2_set_iv(
        EVP_aes_128_cbc(), rounds, NULL, 0, NULL, NID_hmacWithSHA256);
}

static X509_ALGOR *scrypt(uint64_t n, uint64_t r, uint64_t p)
{
    return PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, n, r, p);
}

/* So many of them in one file of PEM. */
static void expect_sealed(
    X509_ALGOR *algorithm, int times, const struct expected *expected)
{
    unsigned char *der = NULL;
    long len = sealed_bytes(algorithm, &der), all;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    for (int i = 0; i < times; i++)
        PEM_write_bio(bio, "ENCRYPTED PRIVATE KEY", "", der, len);
    all = BIO_get_mem_data(bio, &text);
    expect_bytes((unsigned char *)text, (size_t)all, "x", expected);
    BIO_free(bio);
    OPENSSL_free(der);
}

/* The rounds are checked and summed before anything is opened, which could take a day. */
static void costly_keys_are_refused(void **state)
{
    const struct expected locked = {.locked = 1, .finding = "key-encrypted"};
    const struct expected costly = {.finding = "password-too-costly"};

    (void)state;
    expect_sealed(pbkdf2(1000), 1, &locked);
    expect_sealed(scrypt(1024, 8, 1), 1, &locked);
    expect_sealed(pbkdf2(DERIVATION_ROUNDS_MAX + 1), 1, &costly);
    expect_sealed(pbkdf2(INT32_MAX), 1, &costly);
    expect_sealed(scrypt(16384, 8, 1000), 1, &costly);
    expect_sealed(pbkdf2(DERIVATION_ROUNDS_MAX / 2 + 1), 2, &locked);
}

static void der_and_pkcs7_are_collected(void **state)
{
    PKCS7 *bundle = PKCS7_new();
    unsigned char *der = NULL, *two;
    int len = i2d_X509(world.leaf, &der);

    (void)state;
    expect_bytes(der, (size_t)len, NULL, &(struct expected){.certificates = 1});
    two = malloc(2 * (size_t)len);
    memcpy(two, der, (size_t)len);
    memcpy(two + len, der, (size_t)len);
    expect_bytes(two, 2 * (size_t)len, NULL, &(struct expected){.certificates = 2});
    expect_bytes(two, 2 * (size_t)len - 1, NULL,
        &(struct expected){.certificates = 1, .finding = "truncated"});
    memcpy(two + len, "\r\n", 3);
    expect_bytes(two, (size_t)len + 3, NULL, &(struct expected){.certificates = 1});
    free(two);
    OPENSSL_free(der);
    der = NULL;
    len = i2d_PrivateKey(world.key, &der);
    expect_bytes(der, (size_t)len, NULL, &(struct expected){.keys = 1});
    OPENSSL_free(der);
    der = NULL;
    PKCS7_set_type(bundle, NID_pkcs7_signed);
    PKCS7_content_new(bundle, NID_pkcs7_data);
    len = i2d_PKCS7(bundle, &der);
    expect_bytes(der, (size_t)len, NULL, &(struct expected){.finding = "no-certificate"});
    OPENSSL_free(der);
    der = NULL;
    PKCS7_add_certificate(bundle, world.leaf);
    PKCS7_add_certificate(bundle, world.root);
    len = i2d_PKCS7(bundle, &der);
    expect_bytes(der, (size_t)len, NULL, &(struct expected){.certificates = 2});
    OPENSSL_free(der);
    PKCS7_free(bundle);
}

static void no_more_is_taken_than_a_chain_can_have(void **state)
{
    unsigned char *der = NULL, *many;
    size_t len = (size_t)i2d_X509(world.leaf, &der), count = COLLECT_MAX + 5;

    (void)state;
    many = malloc(count * len);
    for (size_t i = 0; i < count; i++)
        memcpy(many + i * len, der, len);
    expect_bytes(many, count * len, NULL,
        &(struct expected){.certificates = COLLECT_MAX, .finding = "too-many-blocks"});
    free(many);
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pem_of_all_kinds_is_collected),
        cmocka_unit_test(keys_are_opened_by_their_password_only),
        cmocka_unit_test(pkcs12_is_opened_without_asking),
        cmocka_unit_test(costly_keys_are_refused),
        cmocka_unit_test(der_and_pkcs7_are_collected),
        cmocka_unit_test(no_more_is_taken_than_a_chain_can_have),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
