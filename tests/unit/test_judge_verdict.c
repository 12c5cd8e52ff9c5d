/* A certificate that XenServer's verdict refuses is never judged good without a
 * finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/judge.h"
#include "certstore/judge/xenserver.h"
#include "config/settings.h"
#include "proxy/base/error.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static const char unknown_critical[] = "1.2.3.4.5=critical,DER:0500";
static const char unknown[] = "1.2.3.4.5=DER:0500";

/* Each may be the leaf, also below each of the intermediates. */
static const struct pki_request leaves[] = {
    {.subject = "wlb", .alternative = "DNS:wlb"},
    {.subject = "wlb"},
    {.subject = "wlb", .alternative = "IP:10.0.0.7"},
    {.alternative = "IP:10.0.0.7"},
    {.subject = NULL},
    {.alternative = "email:a@b"},
    {.subject = "wlb", .alternative = "DNS:*.example.com"},
    {.subject = "10.0.0.7", .alternative = "DNS:wlb,IP:10.0.0.7"},
    {.subject = "wlb", .alternative = "DNS:w_l b"},
    {.subject = "wlb", .alternative = "DNS:*"},
    {.subject = "wlb", .alternative = "DNS:wlb.other.example"},
    {.subject = "wlb", .extensions = unknown_critical},
    {.subject = "wlb", .extensions = unknown},
    {.subject = "wlb", .extensions = "nameConstraints=critical,permitted;DNS:a"},
    {.subject = "wlb", .extensions = "basicConstraints=critical,DER:0500"},
    {.subject = "wlb", .extensions = "keyUsage=critical,keyCertSign"},
    {.subject = "wlb", .extensions = "keyUsage=critical,keyEncipherment"},
    {.subject = "wlb",
        .extensions = "policyConstraints=critical,requireExplicitPolicy:0"},
    {.subject = "wlb",
        .extensions = "1.3.6.1.5.5.7.1.14=critical,DER:300C300A06082B06010505071501"},
    {.subject = "wlb", .usage = "clientAuth"},
    {.subject = "wlb", .usage = "serverAuth,clientAuth"},
    {.subject = "wlb", .usage = "critical,codeSigning"},
    {.subject = "wlb", .ca = true},
    {.subject = "wlb", .digest = "SHA1"},
    {.subject = "wlb", .from_days = -9, .to_days = -1},
    {.subject = "wlb", .from_days = 1, .to_days = 9},
};

static const struct pki_request middles[] = {
    {.subject = "Middle", .ca = true},
    {.subject = "Middle"},
    {.subject = "Middle", .ca = true, .extensions = unknown_critical},
    {.subject = "Middle", .ca = true, .extensions = "keyUsage=critical,digitalSignature"},
    {.subject = "Middle", .ca = true, .usage = "clientAuth"},
    {.subject = "Middle",
        .ca = true,
        .extensions = "nameConstraints=critical,permitted;DNS:elsewhere.example"},
    {.subject = "Middle", .ca = true, .extensions = "nameConstraints=critical,DER:0500"},
    {.subject = "Middle",
        .ca = true,
        .extensions = "policyConstraints=critical,requireExplicitPolicy:0"},
    {.subject = "Middle", .ca = true, .digest = "SHA1"},
    {.subject = "Middle", .ca = true, .from_days = -9, .to_days = -1},
    {.subject = "Middle", .ca = true, .from_days = 1, .to_days = 9},
};

static const char *const leaf_kinds[] = {
    RSA, "RSA-PSS:2048", "EC:P-256", "EC:P-256:explicit", "ED25519"};
static const char *const middle_kinds[] = {RSA, "EC:P-256:explicit"};

enum how { WITH_ROOT, WITHOUT_ROOT, LEAF_ALONE, HOWS };

static bool is_refused(const struct xenserver_offer *offer, char *why, size_t size)
{
    char names[512], *rest = names, *name;
    bool refused[XENSERVER_RELEASES] = {false};

    for (int r = 0; r < XENSERVER_RELEASES; r++)
        refused[r] = true;
    xenserver_names(offer->leaf, names, sizeof(names));
    while ((name = strsep(&rest, ",")) != NULL) {
        for (int r = 0; r < XENSERVER_RELEASES; r++) {
            char address[520];
            X509 *install;
            struct xenserver_verdict verdict;

            xenserver_name_to_ask(name, address, sizeof(address));
            verdict = xenserver_judge_prepared(
                (enum xenserver_release)r, offer, address, PKI_NOW, &install);
            if (verdict.accepted)
                refused[r] = false;
            else
                (void)snprintf(why, size, "%s", verdict.reason);
        }
    }
    for (int r = 0; r < XENSERVER_RELEASES; r++) {
        if (refused[r])
            return true;
    }
    return false;
}

static void judge_one(const char *text, const char *key, const char *what)
{
    const struct judge_input input = {
        .cert_text = text,
        .cert_len = strlen(text),
        .key_file = "server.key",
        .key_text = key,
        .key_len = strlen(key),
        .send_root = true,
        .now = PKI_NOW,
    };
    struct error err;
    struct settings *settings = settings_parse("", "defaults", &err);
    struct findings findings;
    struct judged_pair pair;
    char why[320] = "";

    findings_init(&findings);
    if (judge_pair(&input, &pair, &findings)) {
        struct credential *credential = credential_of_pair(&pair);
        const struct judged_pair *served = credential_pair(credential);
        const struct xenserver_offer offer = {
            served->leaf, served->chain, served->unsent};

        judge_service(&settings->services[0], &credential, 1, &findings);
        if (is_refused(&offer, why, sizeof(why)) &&
            findings_worst(&findings) < SEVERITY_WARNING)
            fail_msg("%s: judged good, and refused: %s", what, why);
        credential_unref(credential);
    }
    findings_destroy(&findings);
    settings_free(settings);
}

/* A sanitizer checks the code's use of memory: it is shown each chain once. */
#ifdef WLB_SANITIZE
enum { EACH_HOW = HOWS };
#else
enum { EACH_HOW = 1 };
#endif

static void a_chain_that_the_verdict_refuses_has_a_finding(void **state)
{
    const struct pki_request ca = {.subject = "Root", .ca = true};
    X509 *root = pki_certificate(&ca, pki_key(RSA, 1), NULL, NULL);

    (void)state;
    for (size_t m = 0; m < sizeof(middles) / sizeof(middles[0]); m++) {
        for (size_t l = 0; l < sizeof(leaves) / sizeof(leaves[0]); l++) {
            const char *kind = leaf_kinds[(l + m) % 5];
            EVP_PKEY *between = pki_key(middle_kinds[(l + m) % 2], 2);
            EVP_PKEY *key = pki_key(l < 2 ? leaf_kinds[m % 5]
                    : l % 3 == 0          ? kind
                                          : RSA,
                0);
            X509 *middle = pki_certificate(&middles[m], between, root, pki_key(RSA, 1));
            X509 *leaf = pki_certificate(&leaves[l], key, middle, between);
            const char *texts[HOWS] = {
                pki_join(pki_pem(leaf), pki_pem(middle), pki_pem(root), NULL),
                pki_join(pki_pem(leaf), pki_pem(middle), NULL), pki_pem(leaf)};

            for (int how = (int)((l + m) % EACH_HOW); how < HOWS; how += EACH_HOW) {
                char what[64];

                (void)snprintf(
                    what, sizeof(what), "leaf %zu, middle %zu, sent %d", l, m, how);
                judge_one(texts[how], pki_key_pem(key), what);
            }
            X509_free(leaf);
            X509_free(middle);
        }
    }
    X509_free(root);
}

static void a_self_signed_leaf_has_a_finding_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
        X509 *leaf = pki_certificate(&leaves[i], pki_key(RSA, 0), NULL, NULL);
        char what[64];

        (void)snprintf(what, sizeof(what), "self-signed %zu", i);
        judge_one(pki_pem(leaf), pki_key_pem(pki_key(RSA, 0)), what);
        X509_free(leaf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_that_the_verdict_refuses_has_a_finding),
        cmocka_unit_test(a_self_signed_leaf_has_a_finding_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
