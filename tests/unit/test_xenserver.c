#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certstore/judge/xenserver.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static void the_host_rule_is_stunnels(void **state)
{
    static const struct {
        const char *subject, *alternative, *address;
        bool accepted;
        const char *reason;
    } rows[] = {
        {"wlb.example", NULL, "wlb.example", true, "is for"},
        {"any", "DNS:wlb.example", "wlb.example", true, "is for"},
        {"wlb.example", "DNS:else.example", "wlb.example", false, "does not count"},
        {"any", "IP:10.0.0.7", "10.0.0.7", false, "only an IP name"},
        {"wlb.example", "DNS:wlb.example,IP:10.0.0.7", "10.0.0.7", false,
            "only an IP name"},
        {"10.0.0.7", NULL, "10.0.0.7", true, "is for"},
        {"any", "DNS:10.0.0.7", "10.0.0.7", true, "is for"},
        {"any", "DNS:*.example.com", "wlb.example.com", true, "is for"},
        {"any", "DNS:*.example.com", "a.wlb.example.com", false, "not for"},
        {"WLB.Example", NULL, "wlb.example", true, "is for"},
        {"wlb", NULL, "wlb.example", false, "not for"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509 *leaf = pki_certificate(&(struct pki_request){.subject = rows[i].subject,
                                         .alternative = rows[i].alternative},
            pki_key(RSA, 0), NULL, NULL);
        char reason[320];

        assert_int_equal(
            xenserver_host_matches(leaf, rows[i].address, reason, sizeof(reason)),
            rows[i].accepted);
        assert_non_null(strstr(reason, rows[i].reason));
        X509_free(leaf);
    }
}

enum { NOTHING = 0, LEAF = 1, MIDDLE = 2, ROOT = 4 };

static STACK_OF(X509) * some_of(X509 *const certificates[3], int which)
{
    STACK_OF(X509) *some = sk_X509_new_null();

    for (int i = 0; i < 3; i++) {
        if ((which & 1 << i) != 0)
            (void)sk_X509_push(some, certificates[i]);
    }
    return some;
}

static void the_chain_rule_is_that_of_each_release(void **state)
{
    static const struct {
        int sent, installed;
        bool by_release[XENSERVER_RELEASES];
    } rows[] = {
        {MIDDLE, ROOT, {true, false, true}},
        {MIDDLE | ROOT, ROOT, {true, false, true}},
        {NOTHING, ROOT, {false, false, false}},
        {NOTHING, ROOT | MIDDLE, {true, false, true}},
        {MIDDLE, MIDDLE, {false, false, false}},
        {MIDDLE, LEAF, {false, true, false}},
        {NOTHING, LEAF, {false, true, false}},
        {MIDDLE, NOTHING, {false, false, false}},
    };
    const struct pki_request ca = {.subject = "Root", .ca = true};
    const struct pki_request between = {.subject = "Middle", .ca = true};
    const struct pki_request host = {.subject = "wlb"};
    X509 *root = pki_certificate(&ca, pki_key(RSA, 1), NULL, NULL);
    X509 *middle = pki_certificate(&between, pki_key(RSA, 2), root, pki_key(RSA, 1));
    X509 *leaf = pki_certificate(&host, pki_key(RSA, 0), middle, pki_key(RSA, 2));
    X509 *const all[3] = {leaf, middle, root};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STACK_OF(X509) *sent = some_of(all, rows[i].sent);
        STACK_OF(X509) *installed = some_of(all, rows[i].installed);

        for (int r = 0; r < XENSERVER_RELEASES; r++) {
            struct xenserver_verdict verdict =
                xenserver_judge(r, leaf, sent, "wlb", installed, PKI_NOW);

            if (verdict.accepted != rows[i].by_release[r])
                fail_msg("row %zu, %s: %s", i, xenserver_release_name(r), verdict.reason);
        }
        sk_X509_free(sent);
        sk_X509_free(installed);
    }
    X509_free(root);
    X509_free(middle);
    X509_free(leaf);
}

/* Cross-signs in both directions, without a root of either. */
static void cas_that_issued_each_other_end_the_search(void **state)
{
    const struct pki_request a = {.subject = "A", .ca = true};
    const struct pki_request b = {.subject = "B", .ca = true};
    const struct pki_request host = {.subject = "wlb"};
    X509 *a_itself = pki_certificate(&a, pki_key(RSA, 1), NULL, NULL);
    X509 *b_itself = pki_certificate(&b, pki_key(RSA, 2), NULL, NULL);
    X509 *a_by_b = pki_certificate(&a, pki_key(RSA, 1), b_itself, pki_key(RSA, 2));
    X509 *b_by_a = pki_certificate(&b, pki_key(RSA, 2), a_itself, pki_key(RSA, 1));
    X509 *leaf = pki_certificate(&host, pki_key(RSA, 0), a_itself, pki_key(RSA, 1));
    X509 *const all[3] = {a_by_b, b_by_a, leaf};
    STACK_OF(X509) *sent = some_of(all, 3);

    (void)state;
    for (int r = 0; r < XENSERVER_RELEASES; r++) {
        struct xenserver_verdict verdict =
            xenserver_judge_rootless(r, leaf, sent, "wlb", PKI_NOW);

        assert_true(*verdict.reason != '\0');
    }
    sk_X509_free(sent);
    X509_free(a_itself);
    X509_free(b_itself);
    X509_free(a_by_b);
    X509_free(b_by_a);
    X509_free(leaf);
}

/* Real clients refuse it with the CA installed, and with the CA's root. */
static void a_leaf_with_the_name_of_its_issuer_is_never_accepted(void **state)
{
    const struct pki_request ca = {.subject = "wlb", .ca = true};
    const struct pki_request root = {.subject = "Root", .ca = true};
    const struct pki_request host = {.subject = "wlb"};
    X509 *top = pki_certificate(&root, pki_key(RSA, 1), NULL, NULL);
    X509 *issuer = pki_certificate(&ca, pki_key(RSA, 2), top, pki_key(RSA, 1));
    X509 *leaf = pki_certificate(&host, pki_key(RSA, 0), issuer, pki_key(RSA, 2));
    X509 *const all[3] = {issuer};
    STACK_OF(X509) *sent = some_of(all, 1);
    struct xenserver_verdict verdict =
        xenserver_judge_rootless(XENSERVER_CHAIN, leaf, sent, "wlb", PKI_NOW);

    (void)state;
    assert_false(verdict.accepted);
    assert_non_null(strstr(verdict.reason, "no issuer"));
    sk_X509_free(sent);
    X509_free(top);
    X509_free(issuer);
    X509_free(leaf);
}

/* The server sends the leaf, and "Middle" twice: issued by a good root and by another
 * one; a root is sent only where the case says so. */
static void the_way_that_works_is_found(void **state)
{
    enum { GOOD_WAY = 1, BAD_WAY = 2, BAD_ROOT = 4, GOOD_ROOT = 8 };
    static const struct {
        int order[4]; /* of the certificates sent */
        bool in_file; /* the root to install */
    } rows[] = {
        {{BAD_WAY, GOOD_WAY}, false},
        {{GOOD_WAY, BAD_WAY}, false},
        {{BAD_WAY, BAD_ROOT, GOOD_WAY}, false},
        {{BAD_WAY, BAD_ROOT, GOOD_WAY, GOOD_ROOT}, true},
        {{GOOD_ROOT, BAD_ROOT, BAD_WAY, GOOD_WAY}, true},
    };
    const struct pki_request good = {.subject = "Good", .ca = true};
    const struct pki_request bad = {.subject = "Bad", .ca = true};
    const struct pki_request middle = {.subject = "Middle", .ca = true};
    const struct pki_request late = {
        .subject = "Middle", .ca = true, .from_days = -9, .to_days = -1};
    const struct pki_request host = {.subject = "wlb"};
    X509 *good_root = pki_certificate(&good, pki_key(RSA, 1), NULL, NULL);
    X509 *bad_root = pki_certificate(&bad, pki_key(RSA, 2), NULL, NULL);
    X509 *way = pki_certificate(&middle, pki_key(RSA, 3), good_root, pki_key(RSA, 1));
    X509 *no_way = pki_certificate(&late, pki_key(RSA, 3), bad_root, pki_key(RSA, 2));
    X509 *leaf = pki_certificate(&host, pki_key(RSA, 0), way, pki_key(RSA, 3));
    X509 *const all[9] = {[GOOD_WAY] = way,
        [BAD_WAY] = no_way,
        [BAD_ROOT] = bad_root,
        [GOOD_ROOT] = good_root};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STACK_OF(X509) *sent = sk_X509_new_null();
        struct xenserver_verdict verdict;
        X509 *install;

        for (int k = 0; k < 4 && rows[i].order[k] != 0; k++)
            (void)sk_X509_push(sent, all[rows[i].order[k]]);
        install = xenserver_to_install(XENSERVER_CHAIN, leaf, sent, PKI_NOW);
        assert_ptr_equal(install, rows[i].in_file ? good_root : NULL);
        verdict = xenserver_judge_rootless(XENSERVER_CHAIN, leaf, sent, "wlb", PKI_NOW);
        if (!rows[i].in_file && !verdict.accepted)
            fail_msg("row %zu: %s", i, verdict.reason);
        if (!rows[i].in_file)
            assert_non_null(strstr(verdict.reason, "CN=Good"));
        sk_X509_free(sent);
    }
    X509_free(good_root);
    X509_free(bad_root);
    X509_free(way);
    X509_free(no_way);
    X509_free(leaf);
}

/* The same pair once more is no loss. OpenSSL does not see that "Middle"
 * issued these, for it compares identifiers and reads every extension. */
static void what_is_served_does_not_lose_to_itself(void **state)
{
    static const char *const extensions[] = {
        NULL, "authorityKeyIdentifier=DER:30038001AA", "crlDistributionPoints=DER:0500"};
    const struct pki_request root = {.subject = "Root", .ca = true};
    const struct pki_request middle = {
        .subject = "Middle", .ca = true, .extensions = "subjectKeyIdentifier=DER:0401BB"};
    X509 *top = pki_certificate(&root, pki_key(RSA, 1), NULL, NULL);
    X509 *way = pki_certificate(&middle, pki_key(RSA, 2), top, pki_key(RSA, 1));
    STACK_OF(X509) *sent = sk_X509_new_null();

    (void)state;
    (void)sk_X509_push(sent, way);
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        const struct pki_request host = {.subject = "wlb", .extensions = extensions[i]};
        X509 *leaf = pki_certificate(&host, pki_key(RSA, 0), way, pki_key(RSA, 2));
        const struct xenserver_offer offer = {leaf, sent, NULL},
                                     alone = {leaf, NULL, NULL};
        char reason[320];

        assert_false(xenserver_loses(&offer, &offer, PKI_NOW, reason, sizeof(reason)));
        assert_int_equal(
            xenserver_loses(&offer, &alone, PKI_NOW, reason, sizeof(reason)), i == 0);
        X509_free(leaf);
    }
    sk_X509_free(sent);
    X509_free(way);
    X509_free(top);
}

static void a_file_name_is_one_that_xapi_takes(void **state)
{
    X509 *leaf = pki_certificate(
        &(struct pki_request){.subject = "../my host*"}, pki_key(RSA, 0), NULL, NULL);
    char name[128], commands[512];

    (void)state;
    xenserver_file_name(leaf, name, sizeof(name));
    assert_int_equal(strspn(name,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789._-"),
        strlen(name));
    assert_true(name[0] != '.');
    xenserver_commands(XENSERVER_8_2, name, commands, sizeof(commands));
    assert_non_null(strstr(commands, "xe pool-certificate-install filename=wlb"));
    xenserver_commands(XENSERVER_CHAIN, name, commands, sizeof(commands));
    assert_non_null(strstr(commands, "xe pool-install-ca-certificate filename=wlb"));
    X509_free(leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_rule_is_stunnels),
        cmocka_unit_test(the_chain_rule_is_that_of_each_release),
        cmocka_unit_test(cas_that_issued_each_other_end_the_search),
        cmocka_unit_test(a_leaf_with_the_name_of_its_issuer_is_never_accepted),
        cmocka_unit_test(the_way_that_works_is_found),
        cmocka_unit_test(what_is_served_does_not_lose_to_itself),
        cmocka_unit_test(a_file_name_is_one_that_xapi_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
