/* The makers of names, keys, certificates and requests; and the arrangement of many
 * certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/certificate.h"
#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/install/arrange.h"
#include "certstore/install/make_certificate.h"
#include "certstore/install/make_key.h"
#include "certstore/install/subject.h"
#include "certstore/judge/judge.h"
#include "certstore/read/pem_text.h"
#include "config/text_list.h"
#include "proxy/base/error.h"

enum { NOW = 1900000000 };

static struct text_list list_of(const char *const *names)
{
    struct text_list list = {0};

    for (; names != NULL && *names != NULL; names++)
        text_list_add(&list, *names);
    return list;
}

static EVP_PKEY *ec_key(void)
{
    struct error err;
    struct key_kind kind;

    assert_true(key_kind_parse("ec", &kind, &err));
    return key_make(&kind, &err);
}

static X509 *make(const char *name, const char *const *others, EVP_PKEY *key)
{
    struct text_list list = list_of(others);
    struct subject subject = {.name = name, .others = &list};
    struct error err;
    X509 *certificate = certificate_make(&subject, 398, key, NOW, &err);

    text_list_clear(&list);
    assert_non_null(certificate);
    return certificate;
}

static const struct {
    const char *text;
    bool good;
} names[] = {
    {"wlb.example.com", true},
    {"wlb", true},
    {"DNS:wlb.example.com", true},
    {"*.example.com", true},
    {"192.0.2.7", true},
    {"IP:2001:db8::1", true},
    {"fe80::1", true},
    {"xn--bcher-kva.example", true},
    {"", false},
    {".", false},
    {"a..b", false},
    {"a b", false},
    {"a.example.com.", false},
    {"IP:wlb.example.com", false},
    {"wlb.example.com,evil", false},
    {"b\xc3\xbc"
     "cher.example",
        false},
    {"a/b", false},
    {"-x-", false},
    {"-wlb.example.com", false},
    {"wlb-.example.com", false},
    {"wlb.example-", false},
    {"wlb.-example.com", false},
    {"*.-example.com", false},
    {"DNS:-wlb", false},
    {"w-l--b.ex-ample.com", true},
};

static void names_are_host_names_or_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct text_list none = {0};
        struct subject subject = {.name = names[i].text, .others = &none};
        struct error err;

        if (subject_check(&subject, &err) != names[i].good)
            fail_msg("'%s'", names[i].text);
    }
}

static const struct {
    const char *name;
    const char *others[3];
    const char *id; /* NULL: there is no warning */
} warnings[] = {
    {"wlb.example.com", {"wlb2.example.com"}, NULL},
    {"wlb.example.com", {"192.0.2.7"}, "ip-name"},
    {"192.0.2.7", {"wlb.example.com"}, "cn-ignored"},
    {"192.0.2.7", {"192.0.2.7"}, NULL},
    {"192.0.2.7", {"IP:192.0.2.8"}, "ip-name"},
    {"wlb", {NULL}, "bare-name"},
    {"*.example.com", {NULL}, "wildcard"},
};

static void names_that_xenserver_would_not_match_are_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        struct text_list list = list_of(warnings[i].others);
        struct subject subject = {.name = warnings[i].name, .others = &list};
        struct findings findings;
        const struct finding *first;

        findings_init(&findings);
        subject_judge(&subject, &findings);
        first = findings_first(&findings, SEVERITY_WARNING);
        if (warnings[i].id == NULL)
            assert_null(first);
        else
            assert_string_equal(first->id, warnings[i].id);
        findings_destroy(&findings);
        text_list_clear(&list);
    }
}

static void kinds_of_keys_are_told_from_files(void **state)
{
    struct key_kind kind;
    struct error err;

    (void)state;
    assert_true(key_kind_is_meant("rsa:3072") && key_kind_is_meant("ec"));
    assert_true(key_kind_is_meant("rsa:17"));
    assert_false(key_kind_is_meant("/etc/ssl/rsa") || key_kind_is_meant("ec.key"));
    assert_true(key_kind_parse("RSA:4096", &kind, &err));
    assert_int_equal(kind.rsa_bits, 4096);
    assert_true(key_kind_parse("ec:P-384", &kind, &err));
    assert_string_equal(kind.curve, "P-384");
    assert_false(key_kind_parse("rsa:1024", &kind, &err));
    assert_non_null(strstr(err.text, "rsa[:2048|3072|4096]"));
}

static void a_certificate_answers_to_its_names_and_is_no_ca(void **state)
{
    const char *others[] = {"wlb2.example.com", "IP:192.0.2.7", "wlb.example.com", NULL};
    EVP_PKEY *key = ec_key();
    X509 *certificate = make("wlb.example.com", others, key);
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char text[512];

    (void)state;
    certificate_names(certificate, text, sizeof(text));
    assert_string_equal(text, "wlb.example.com,wlb2.example.com,192.0.2.7");
    assert_int_equal(X509_check_ca(certificate), 0);
    assert_true(certificate_is_self_signed(certificate));
    assert_int_equal(X509_get_extended_key_usage(certificate), XKU_SSL_SERVER);
    assert_int_equal(BN_num_bytes(serial), 16);
    BN_free(serial);
    assert_int_equal(
        certificate_not_after(certificate) - certificate_not_before(certificate),
        398L * 86400);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void a_made_pair_can_be_served(void **state)
{
    EVP_PKEY *key = ec_key();
    X509 *certificate = make("wlb.example.com", NULL, key);
    struct pem_text chain = {0}, secret = {0};
    struct judged_pair pair;
    struct findings findings;

    (void)state;
    pem_text_add_certificate(&chain, certificate);
    assert_true(pem_text_add_key(&secret, key));
    findings_init(&findings);
    assert_true(judge_pair(&(struct judge_input){.cert_file = "c",
                               .cert_text = chain.text,
                               .cert_len = chain.len,
                               .key_file = "k",
                               .key_text = secret.text,
                               .key_len = secret.len,
                               .now = NOW},
        &pair, &findings));
    assert_true(findings_worst(&findings) < SEVERITY_WARNING);
    judged_pair_destroy(&pair);
    findings_destroy(&findings);
    pem_text_destroy(&chain);
    pem_text_destroy(&secret);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void a_long_name_is_a_dns_name_only(void **state)
{
    char name[] = "a234567890123456789012345678901234567890.a2345678901234567890.example";
    EVP_PKEY *key = ec_key();
    X509 *certificate = make(name, NULL, key);
    char text[512];

    (void)state;
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(certificate)), 0);
    certificate_names(certificate, text, sizeof(text));
    assert_string_equal(text, name);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void add(
    struct collection *collection, X509 *certificate, EVP_PKEY *key, const char *file)
{
    struct pem_text pem = {0};
    struct findings findings;

    findings_init(&findings);
    if (certificate != NULL)
        pem_text_add_certificate(&pem, certificate);
    if (key != NULL)
        assert_true(pem_text_add_key(&pem, key));
    assert_true(collect_text(collection, file, pem.text, pem.len, NULL, &findings));
    pem_text_destroy(&pem);
    findings_destroy(&findings);
}

static void the_leaf_is_the_one_that_a_key_belongs_to(void **state)
{
    EVP_PKEY *mine = ec_key(), *other = ec_key();
    X509 *wrong = make("other.example.com", NULL, other);
    X509 *right = make("wlb.example.com", NULL, mine);
    struct collection fresh, known;
    struct arrangement arrangement;
    struct findings findings;

    (void)state;
    collection_init(&fresh);
    collection_init(&known);
    findings_init(&findings);
    add(&fresh, wrong, NULL, "wrong");
    add(&fresh, right, NULL, "right");
    add(&known, NULL, mine, "pending");
    assert_true(arrange(&fresh, &known, &arrangement, &findings));
    assert_string_equal(arrangement.sent[0]->file, "right");
    assert_string_equal(arrangement.key->file, "pending");
    assert_int_equal(arrangement.count, 1);
    assert_string_equal(findings.items[0].id, "left-out");
    findings_destroy(&findings);
    collection_destroy(&fresh);
    collection_destroy(&known);
    X509_free(wrong);
    X509_free(right);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(other);
}

static void without_its_key_nothing_is_arranged(void **state)
{
    EVP_PKEY *mine = ec_key(), *other = ec_key();
    X509 *leaf = make("wlb.example.com", NULL, mine);
    struct collection fresh, known;
    struct arrangement arrangement;
    struct findings findings;

    (void)state;
    collection_init(&fresh);
    collection_init(&known);
    findings_init(&findings);
    assert_false(arrange(&fresh, &known, &arrangement, &findings));
    assert_string_equal(findings.items[0].id, "no-certificate");
    add(&fresh, leaf, NULL, "leaf");
    add(&known, NULL, other, "served.key");
    assert_false(arrange(&fresh, &known, &arrangement, &findings));
    assert_string_equal(findings.items[1].id, "key-not-found");
    assert_non_null(strstr(findings.items[1].fact, "served.key (EC P-256)"));
    findings_destroy(&findings);
    collection_destroy(&fresh);
    collection_destroy(&known);
    X509_free(leaf);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(other);
}

static void pem_text_is_what_openssl_writes(void **state)
{
    EVP_PKEY *key = ec_key();
    X509 *certificate = make("wlb.example.com", NULL, key);
    struct pem_text pem = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    (void)state;
    pem_text_add_certificate(&pem, certificate);
    assert_true(pem_text_add_key(&pem, key));
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &text);
    assert_int_equal(pem.len, len);
    assert_memory_equal(pem.text, text, pem.len);
    BIO_free(bio);
    pem_text_destroy(&pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_host_names_or_addresses),
        cmocka_unit_test(names_that_xenserver_would_not_match_are_reported),
        cmocka_unit_test(kinds_of_keys_are_told_from_files),
        cmocka_unit_test(a_certificate_answers_to_its_names_and_is_no_ca),
        cmocka_unit_test(a_made_pair_can_be_served),
        cmocka_unit_test(a_long_name_is_a_dns_name_only),
        cmocka_unit_test(the_leaf_is_the_one_that_a_key_belongs_to),
        cmocka_unit_test(without_its_key_nothing_is_arranged),
        cmocka_unit_test(pem_text_is_what_openssl_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
