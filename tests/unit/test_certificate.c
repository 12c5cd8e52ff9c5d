/* certstore/certificate.h: a certificate of an unverified client, as a person reads
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/printable.h"
#include "tests/unit/pki.h"

static X509 *certificate_of(const char *subject, const char *alternative)
{
    return pki_certificate(
        &(struct pki_request){.subject = subject, .alternative = alternative},
        pki_key("RSA:2048", 0), NULL, NULL);
}

static void no_name_steers_a_terminal(void **state)
{
    static const struct {
        const char *name, *shown;
    } rows[] = {
        {"wlb.example", "wlb.example"},
        {"Stra\xc3\x9f"
         "e \xe4\xb8\xad",
            "Stra\xc3\x9f"
            "e \xe4\xb8\xad"},
        {"a\x1b[31m", "a\\1B[31m"},
        {"a\nb\x7f", "a\\0Ab\\7F"},
        {"a\xc2\x9b"
         "31m",
            "a\\C2\\9B31m"},
        {"a\xc2\xa0"
         "b",
            "a\xc2\xa0"
            "b"},
        {"fdp.\xe2\x80\xae"
         "exe",
            "fdp.\\E2\\80\\AEexe"},
        {"\xe2\x81\xa6x\xe2\x80\x8f", "\\E2\\81\\A6x\\E2\\80\\8F"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509 *certificate = certificate_of(rows[i].name, NULL);
        char text[128], subject[140];

        certificate_title(certificate, text, sizeof(text));
        assert_string_equal(text, rows[i].shown);
        certificate_names(certificate, text, sizeof(text));
        assert_string_equal(text, rows[i].shown);
        snprintf(text, sizeof(text), "CN=%s", rows[i].shown);
        certificate_subject(certificate, subject, sizeof(subject));
        assert_string_equal(subject, text);
        certificate_issuer(certificate, subject, sizeof(subject));
        assert_string_equal(subject, text);
        X509_free(certificate);
    }
}

/* Of any issuer: DNS names are ASCII (RFC 5280 section 4.2.1.6). */
static void a_dns_name_is_shown_in_ascii(void **state)
{
    X509 *certificate = certificate_of("any", "DNS:wlb\x9b\x1b.example");
    char text[128];

    (void)state;
    certificate_names(certificate, text, sizeof(text));
    assert_string_equal(text, "wlb\\9B\\1B.example");
    X509_free(certificate);
}

static void a_text_ends_between_two_characters(void **state)
{
    static const char name[] = "a\xc3\xa9\xc2\x9b\xe4\xb8\xad";
    static const char shown[] = "a\xc3\xa9\\C2\\9B\xe4\xb8\xad";
    static const size_t ends[] = {0, 1, 3, 9, 12};
    char text[16];

    (void)state;
    for (size_t size = 1; size <= sizeof(shown); size++) {
        size_t len = 0;

        memset(text, 'x', sizeof(text));
        printable(name, sizeof(name) - 1, text, size);
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
            len = ends[i] < size ? ends[i] : len;
        assert_int_equal(strlen(text), len);
        assert_memory_equal(text, shown, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_name_steers_a_terminal),
        cmocka_unit_test(a_dns_name_is_shown_in_ascii),
        cmocka_unit_test(a_text_ends_between_two_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
