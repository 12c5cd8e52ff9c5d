/* The trust of a service: faults that would lock clients out are found first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/trust.h"
#include "config/settings.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static struct {
    X509 *root, *mid, *other;
    const char *root_pem, *mid_pem, *other_pem;
} world;

static int make_world(void **state)
{
    struct pki_request ca = {.subject = "Root", .ca = true, .to_days = 3000};

    (void)state;
    world.root = pki_certificate(&ca, pki_key(RSA, 1), NULL, NULL);
    ca.subject = "Middle";
    world.mid = pki_certificate(&ca, pki_key(RSA, 2), world.root, pki_key(RSA, 1));
    ca.subject = "Other";
    world.other = pki_certificate(&ca, pki_key(RSA, 3), NULL, NULL);
    world.root_pem = pki_pem(world.root);
    world.mid_pem = pki_pem(world.mid);
    world.other_pem = pki_pem(world.other);
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    X509_free(world.root);
    X509_free(world.mid);
    X509_free(world.other);
    return 0;
}

/* A list of this issuer, with its times in days from now. */
static char *list_of(X509 *issuer, int signer, long from, long to, const char *extension)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *when = ASN1_TIME_new();
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *text;
    long len;

    (void)X509_CRL_set_version(list, X509_CRL_VERSION_2);
    (void)X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer));
    (void)ASN1_TIME_set(when, PKI_NOW + from * PKI_DAY);
    (void)X509_CRL_set1_lastUpdate(list, when);
    (void)ASN1_TIME_set(when, PKI_NOW + to * PKI_DAY);
    (void)X509_CRL_set1_nextUpdate(list, when);
    if (extension != NULL) {
        X509_EXTENSION *one = X509V3_EXT_conf(NULL, NULL, "1.2.3.4", extension);

        assert_int_equal(X509_CRL_add_ext(list, one, -1), 1);
        X509_EXTENSION_free(one);
    }
    assert_true(X509_CRL_sign(list, pki_key(RSA, signer), EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
    len = BIO_get_mem_data(bio, &data);
    text = strndup(data, (size_t)len);
    BIO_free(bio);
    ASN1_TIME_free(when);
    X509_CRL_free(list);
    return text;
}

/* `id` NULL: there is no finding. */
static void expect(
    const char *ca, const char *crl, const char *id, enum severity severity)
{
    struct error err;
    struct settings *settings =
        settings_parse("[a]\nverify = required\nca = /ca.pem\n", "test", &err);
    struct findings findings;
    bool found = id == NULL;

    assert_non_null(settings);
    findings_init(&findings);
    judge_trust(&settings->services[0], ca, crl, PKI_NOW, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        print_message("  %s: %s\n", findings.items[i].id, findings.items[i].fact);
        if (id != NULL && strcmp(findings.items[i].id, id) == 0)
            found = findings.items[i].severity == severity;
    }
    if (!found || findings.count != (id != NULL))
        fail_msg("wanted %s, alone", id == NULL ? "nothing" : id);
    findings_destroy(&findings);
    settings_free(settings);
}

static void cas_that_lock_clients_out_are_told(void **state)
{
    struct pki_request request = {.subject = "Old", .ca = true, .from_days = -9};
    X509 *ca;

    (void)state;
    expect(world.root_pem, NULL, NULL, SEVERITY_NOTE);
    expect(pki_join(world.mid_pem, world.root_pem, NULL), NULL, NULL, SEVERITY_NOTE);
    expect(world.mid_pem, NULL, "ca-without-root", SEVERITY_STALE);
    request.to_days = -1;
    ca = pki_certificate(&request, pki_key(RSA, 4), NULL, NULL);
    expect(
        pki_join(world.root_pem, pki_pem(ca), NULL), NULL, "ca-expired", SEVERITY_STALE);
    X509_free(ca);
    request.to_days = 9;
    ca = pki_certificate(&request, pki_key(RSA, 4), NULL, NULL);
    expect(pki_pem(ca), NULL, "ca-expiring", SEVERITY_WARNING);
    X509_free(ca);
    request.from_days = 2;
    ca = pki_certificate(&request, pki_key(RSA, 4), NULL, NULL);
    expect(pki_pem(ca), NULL, "ca-not-yet-valid", SEVERITY_STALE);
    X509_free(ca);
    ca = pki_certificate(&(struct pki_request){.subject = "leaf"}, pki_key(RSA, 5),
        world.root, pki_key(RSA, 1));
    expect(pki_join(world.root_pem, pki_pem(ca), NULL), NULL, "ca-is-no-ca",
        SEVERITY_WARNING);
    X509_free(ca);
    ca = pki_certificate(
        &(struct pki_request){
            .subject = "Middle", .ca = true, .extensions = "1.2.3.4=critical,DER:0500"},
        pki_key(RSA, 5), world.root, pki_key(RSA, 1));
    expect(
        pki_join(world.root_pem, pki_pem(ca), NULL), NULL, "ca-unusable", SEVERITY_STALE);
    X509_free(ca);
}

static void lists_that_lock_clients_out_are_told(void **state)
{
    char *good = list_of(world.root, 1, -1, 7, NULL);
    char *old = list_of(world.root, 1, -9, -1, NULL);
    char *early = list_of(world.root, 1, 1, 9, NULL);
    char *forged = list_of(world.root, 2, -1, 7, NULL);
    char *of_mid = list_of(world.mid, 2, -1, 7, NULL);
    char *strange = list_of(world.root, 1, -1, 7, "critical,DER:0500");
    const char *both = pki_join(world.root_pem, world.mid_pem, NULL);
    X509 *may_not = pki_certificate(
        &(struct pki_request){
            .subject = "Root", .ca = true, .extensions = "keyUsage=critical,keyCertSign"},
        pki_key(RSA, 1), NULL, NULL);

    (void)state;
    expect(world.root_pem, good, NULL, SEVERITY_NOTE);
    expect(world.root_pem, pki_join(old, good, NULL), NULL, SEVERITY_NOTE);
    expect(world.root_pem, old, "crl-expired", SEVERITY_STALE);
    expect(world.root_pem, early, "crl-not-yet-valid", SEVERITY_STALE);
    expect(world.root_pem, forged, "crl-bad-signature", SEVERITY_STALE);
    expect(world.root_pem, strange, "ca-unusable", SEVERITY_STALE);
    expect(pki_pem(may_not), good, "crl-not-allowed", SEVERITY_STALE);
    expect(both, good, "crl-missing", SEVERITY_STALE);
    expect(both, pki_join(good, of_mid, NULL), NULL, SEVERITY_NOTE);
    expect(world.root_pem, pki_join(good, of_mid, NULL), "crl-of-another-issuer",
        SEVERITY_WARNING);
    X509_free(may_not);
    free(good);
    free(old);
    free(early);
    free(forged);
    free(of_mid);
    free(strange);
}

static void expiring_members_are_listed(void **state)
{
    char *list = list_of(world.root, 1, -1, 7, NULL);
    struct trust_member *members;

    (void)state;
    assert_int_equal(trust_members(world.root_pem, list, &members), 2);
    assert_false(members[0].is_list);
    assert_string_equal(members[0].title, "CN=Root");
    assert_true(members[1].is_list);
    assert_int_equal(members[1].to, PKI_NOW + 7 * PKI_DAY);
    free(members);
    assert_int_equal(trust_members(NULL, NULL, &members), 0);
    free(members);
    free(list);
}

static void more_than_can_be_read_is_an_error(void **state)
{
    const char *many = world.root_pem;
    struct trust trust;
    struct error err;

    (void)state;
    for (int i = 0; i < 100; i++)
        many = pki_join(many, world.root_pem, NULL);
    assert_false(trust_parse(&trust, NULL, many, NULL, &err));
    assert_non_null(strstr(err.text, "more than 100"));
}

/* Nobody would miss a lost block: a CA's clients are turned away, or, with the
 * newer of two lists, a revoked one is let in. */
static void a_block_that_got_lost_is_an_error(void **state)
{
    static const char *const in_front[] = {"\xef\xbb\xbf", "-", "<p>"};
    char *list = list_of(world.root, 1, -1, 7, NULL);
    struct text_list pins = {0};
    struct trust trust;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(in_front) / sizeof(in_front[0]); i++) {
        const char *authorities =
            pki_join(world.root_pem, in_front[i], world.mid_pem, NULL);

        assert_false(trust_parse(&trust, NULL, authorities, NULL, &err));
        assert_non_null(strstr(err.text, "was to begin or end a block"));
        assert_false(trust_parse(
            &trust, NULL, world.root_pem, pki_join(list, in_front[i], list, NULL), &err));
        assert_non_null(strstr(err.text, "was to begin or end a block"));
        assert_false(trust_add_pins(authorities, &pins, &err));
    }
    text_list_clear(&pins);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cas_that_lock_clients_out_are_told),
        cmocka_unit_test(lists_that_lock_clients_out_are_told),
        cmocka_unit_test(expiring_members_are_listed),
        cmocka_unit_test(more_than_can_be_read_is_an_error),
        cmocka_unit_test(a_block_that_got_lost_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
