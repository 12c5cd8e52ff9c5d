#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/credential_load.h"
#include "certstore/judge/judge.h"
#include "tests/unit/pki.h"

#define RSA "RSA:2048"

static struct {
    X509 *root, *mid, *cross, *leaf, *other;
    const char *root_pem, *mid_pem, *cross_pem, *leaf_pem, *other_pem, *key;
} world;

static int make_world(void **state)
{
    struct pki_request ca = {.subject = "Root", .ca = true, .to_days = 3000};
    X509 *old_root;

    (void)state;
    world.root = pki_certificate(&ca, pki_key(RSA, 1), NULL, NULL);
    ca.subject = "Middle";
    world.mid = pki_certificate(&ca, pki_key(RSA, 2), world.root, pki_key(RSA, 1));
    ca.subject = "Old root";
    old_root = pki_certificate(&ca, pki_key(RSA, 3), NULL, NULL);
    ca.subject = "Root";
    world.cross = pki_certificate(&ca, pki_key(RSA, 1), old_root, pki_key(RSA, 3));
    X509_free(old_root);
    world.leaf = pki_certificate(
        &(struct pki_request){.subject = "wlb.example", .alternative = "DNS:wlb.example"},
        pki_key(RSA, 0), world.mid, pki_key(RSA, 2));
    world.other = pki_certificate(
        &(struct pki_request){.subject = "other"}, pki_key(RSA, 4), NULL, NULL);
    world.root_pem = pki_pem(world.root);
    world.mid_pem = pki_pem(world.mid);
    world.cross_pem = pki_pem(world.cross);
    world.leaf_pem = pki_pem(world.leaf);
    world.other_pem = pki_pem(world.other);
    world.key = pki_key_pem(pki_key(RSA, 0));
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    X509_free(world.root);
    X509_free(world.mid);
    X509_free(world.cross);
    X509_free(world.leaf);
    X509_free(world.other);
    return 0;
}

static bool judge_texts(const char *cert, size_t cert_len, const char *key,
    size_t key_len, bool send_root, struct judged_pair *pair, struct findings *findings)
{
    const struct judge_input input = {
        .cert_file = "server.pem",
        .cert_text = cert,
        .cert_len = cert_len,
        .key_file = key == NULL ? NULL : "server.key",
        .key_text = key,
        .key_len = key_len,
        .send_root = send_root,
        .now = PKI_NOW,
    };

    findings_init(findings);
    return judge_pair(&input, pair, findings);
}

static const struct finding *find(const struct findings *findings, const char *id)
{
    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->items[i].id, id) == 0)
            return &findings->items[i];
    }
    return NULL;
}

static void print_findings(const struct findings *findings)
{
    char text[1024];

    for (size_t i = 0; i < findings->count; i++) {
        finding_sentence(&findings->items[i], text, sizeof(text));
        print_message("    %-24s %d %s\n", findings->items[i].id,
            (int)findings->items[i].severity, text);
    }
}

static void expect(const char *cert, size_t cert_len, const char *key, size_t key_len,
    const char *id, enum severity severity)
{
    struct findings findings;
    struct judged_pair pair;
    bool served = judge_texts(cert, cert_len, key, key_len, true, &pair, &findings);
    const struct finding *finding = find(&findings, id);

    if (finding == NULL || finding->severity != severity ||
        served != (findings_worst(&findings) < SEVERITY_REFUSED)) {
        print_message("  wanted: %s\n", id);
        print_findings(&findings);
        fail_msg("%s: %s", id, finding == NULL ? "not found" : "wrong severity");
    }
    if (severity == SEVERITY_REFUSED) {
        assert_non_null(finding->why);
        assert_non_null(finding->remedy);
        assert_null(strstr(finding->fact, "error:"));
    }
    judged_pair_destroy(&pair);
    findings_destroy(&findings);
}

static void expect_text(
    const char *cert, const char *key, const char *id, enum severity severity)
{
    expect(cert, strlen(cert), key, key == NULL ? 0 : strlen(key), id, severity);
}

/* Replaces every `from` in the text by `to`. */
static const char *replace(const char *text, const char *from, const char *to)
{
    const char *at, *done = "";

    while ((at = strstr(text, from)) != NULL) {
        char *part = strndup(text, (size_t)(at - text));

        done = pki_join(done, part, to, NULL);
        free(part);
        text = at + strlen(from);
    }
    return pki_join(done, text, NULL);
}

static const char *cut(const char *text, size_t len)
{
    char *part = strndup(text, len);
    const char *result = pki_join(part, NULL);

    free(part);
    return result;
}

/* The block without its first and last line. */
static const char *bare_base64(const char *pem)
{
    const char *from = strchr(pem, '\n') + 1;

    return cut(from, (size_t)(strstr(from, "-----END") - from));
}

static void a_whole_chain_is_served_in_order(void **state)
{
    const char *const parts[] = {world.mid_pem, world.root_pem, world.cross_pem};
    static const int orders[][3] = {
        {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const char *text = pki_join(world.leaf_pem, parts[orders[i][0]],
            parts[orders[i][1]], parts[orders[i][2]], NULL);
        struct findings findings;
        struct judged_pair pair;

        assert_true(judge_texts(
            text, strlen(text), world.key, strlen(world.key), true, &pair, &findings));
        assert_int_equal(sk_X509_num(pair.chain), 3);
        assert_int_equal(X509_cmp(sk_X509_value(pair.chain, 0), world.mid), 0);
        assert_non_null(find(&findings, "cross-signed"));
        judged_pair_destroy(&pair);
        findings_destroy(&findings);
        assert_true(judge_texts(
            text, strlen(text), world.key, strlen(world.key), false, &pair, &findings));
        assert_int_equal(sk_X509_num(pair.chain), 2);
        assert_int_equal(X509_cmp(sk_X509_value(pair.chain, 1), world.cross), 0);
        judged_pair_destroy(&pair);
        findings_destroy(&findings);
    }
}

static void texts_that_are_not_a_chain_are_told(void **state)
{
    const char *leaf = world.leaf_pem, *key = world.key;
    const char *csr =
        "-----BEGIN CERTIFICATE REQUEST-----\nMAAA\n-----END CERTIFICATE REQUEST-----\n";

    (void)state;
    expect_text("", key, "empty", SEVERITY_REFUSED);
    expect_text(" \n\n", key, "empty", SEVERITY_REFUSED);
    expect_text("hello", key, "not-pem", SEVERITY_REFUSED);
    expect_text("<html><body>404</body></html>", key, "not-pem", SEVERITY_REFUSED);
    expect("\xff\xfe-\0-\0", 6, key, strlen(key), "utf16", SEVERITY_REFUSED);
    expect_text(bare_base64(leaf), key, "bare-base64", SEVERITY_REFUSED);
    expect_text("MIIB", key, "not-pem", SEVERITY_REFUSED);
    expect_text("PK\x03\x04zip", key, "archive", SEVERITY_REFUSED);
    expect_text(csr, key, "csr", SEVERITY_REFUSED);
    expect_text(
        replace(csr, "CERTIFICATE REQUEST", "PKCS7"), key, "pkcs7", SEVERITY_REFUSED);
    expect_text(
        replace(csr, "CERTIFICATE REQUEST", "CMS"), key, "pkcs7", SEVERITY_REFUSED);
    expect_text(replace(csr, "CERTIFICATE REQUEST", "X509 CRL"), key, "no-certificate",
        SEVERITY_REFUSED);
    expect_text(replace(csr, "CERTIFICATE REQUEST", "CERTIFICATE"), key,
        "bad-certificate", SEVERITY_REFUSED);
    expect_text(key, key, "key-instead-of-certificate", SEVERITY_REFUSED);
    expect_text(leaf, leaf, "certificate-instead-of-key", SEVERITY_REFUSED);
    expect_text(cut(leaf, strlen(leaf) / 2), key, "truncated", SEVERITY_REFUSED);
    expect_text(cut(leaf, strlen(leaf) - 4), key, "truncated", SEVERITY_REFUSED);
    expect_text(pki_join(leaf, cut(world.mid_pem, 200), NULL), key, "truncated",
        SEVERITY_REFUSED);
    expect_text(pki_join(cut(leaf, 200), world.mid_pem, NULL), key, "truncated",
        SEVERITY_REFUSED);
    expect_text(replace(leaf, "\nM", "\n!"), key, "damaged", SEVERITY_REFUSED);
    expect_text(
        replace(leaf, "END CERT", "END X"), key, "mismatched-end", SEVERITY_REFUSED);
    expect_text(
        pki_join(leaf, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", NULL),
        key, "damaged", SEVERITY_REFUSED);
    expect_text("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\n!\n-----END "
                "CERTIFICATE-----\n",
        key, "damaged", SEVERITY_REFUSED);
    expect_text(leaf, "", "empty", SEVERITY_REFUSED);
    expect_text(leaf, "hello", "not-pem", SEVERITY_REFUSED);
    expect_text(leaf, csr, "key-missing", SEVERITY_REFUSED);
    expect_text(leaf, NULL, "key-missing", SEVERITY_REFUSED);
    expect_text(leaf, cut(key, 300), "truncated", SEVERITY_REFUSED);
    expect_text(leaf, replace(key, "\nM", "\n?"), "damaged", SEVERITY_REFUSED);
    expect_text(leaf, replace(csr, "CERTIFICATE REQUEST", "RSA PRIVATE KEY"), "bad-key",
        SEVERITY_REFUSED);
    expect_text(leaf,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAAA\n-----END ENCRYPTED PRIVATE "
        "KEY-----\n",
        "key-encrypted", SEVERITY_REFUSED);
    expect_text(leaf,
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
        "AES-256-CBC,00\n\nMAAA\n-----END RSA PRIVATE KEY-----\n",
        "key-encrypted", SEVERITY_REFUSED);
}

static void other_formats_are_named(void **state)
{
    unsigned char *der = NULL;
    int len = i2d_X509(world.leaf, &der);
    PKCS12 *container;

    (void)state;
    expect(
        (char *)der, (size_t)len, world.key, strlen(world.key), "der", SEVERITY_REFUSED);
    OPENSSL_free(der);
    der = NULL;
    len = i2d_PrivateKey(pki_key(RSA, 0), &der);
    expect((char *)der, (size_t)len, world.key, strlen(world.key), "der-key",
        SEVERITY_REFUSED);
    expect(world.leaf_pem, strlen(world.leaf_pem), (char *)der, (size_t)len, "der-key",
        SEVERITY_REFUSED);
    OPENSSL_free(der);
    der = NULL;
    container =
        PKCS12_create("x", "y", pki_key(RSA, 0), world.leaf, NULL, 0, 0, 1000, 1000, 0);
    len = i2d_PKCS12(container, &der);
    expect((char *)der, (size_t)len, world.key, strlen(world.key), "pkcs12",
        SEVERITY_REFUSED);
    OPENSSL_free(der);
    PKCS12_free(container);
}

static void habits_of_other_systems_are_accepted(void **state)
{
    const char *chain = pki_join(world.leaf_pem, world.mid_pem, NULL);
    const char *trusted =
        replace(replace(chain, "BEGIN C", "BEGIN X509 C"), "END C", "END X509 C");

    (void)state;
    expect_text(
        replace(chain, "\n", "\r\n"), world.key, "windows-line-ends", SEVERITY_NOTE);
    expect_text(
        replace(chain, "\n", "\r"), world.key, "old-mac-line-ends", SEVERITY_NOTE);
    expect_text(
        replace(chain, "\n", " "), world.key, "two-blocks-on-one-line", SEVERITY_NOTE);
    expect_text(pki_join(world.leaf_pem, world.mid_pem + 1, NULL), world.key, "lost-mark",
        SEVERITY_WARNING);
    expect_text(replace(chain, "BEGIN CERT", "Begin Cert"), world.key, "lost-mark",
        SEVERITY_REFUSED);
    expect_text(pki_join("\xef\xbb\xbf", chain, NULL), world.key, "byte-order-mark",
        SEVERITY_NOTE);
    expect_text(replace(chain, "-----\n-----", "----------"), world.key,
        "two-blocks-on-one-line", SEVERITY_NOTE);
    expect_text(
        replace(chain, "\n", "  \n"), world.key, "root-not-included", SEVERITY_NOTE);
    expect_text(replace(chain, "-----BEGIN", "subject=/CN=x\n\n-----BEGIN"), world.key,
        "root-not-included", SEVERITY_NOTE);
    expect_text(pki_join(chain, "(-----BEGIN CERTIFICATE-----\n", NULL), world.key,
        "begin-within-line", SEVERITY_WARNING);
    expect_text(pki_join("<p>", world.leaf_pem, NULL), world.key, "begin-within-line",
        SEVERITY_REFUSED);
    expect_text(trusted, world.key, "root-not-included", SEVERITY_NOTE);
    expect_text(
        pki_join(world.key, chain, NULL), NULL, "root-not-included", SEVERITY_NOTE);
    expect_text(pki_join(world.key, chain, NULL), world.key, "key-beside-certificate",
        SEVERITY_WARNING);
}

static void wrong_chains_are_told(void **state)
{
    const char *leaf = world.leaf_pem, *mid = world.mid_pem, *root = world.root_pem;
    const char *many = leaf;

    (void)state;
    for (int i = 0; i < 101; i++)
        many = pki_join(many, "-----BEGIN X-----\nMAAA\n-----END X-----\n", NULL);
    expect_text(
        pki_join(root, mid, leaf, NULL), world.key, "root-first", SEVERITY_REFUSED);
    expect_text(pki_join(root, leaf, NULL), world.key, "root-first", SEVERITY_REFUSED);
    expect_text(
        pki_join(mid, leaf, root, NULL), world.key, "issuer-first", SEVERITY_REFUSED);
    expect_text(pki_join(mid, root, NULL), world.key, "no-leaf", SEVERITY_REFUSED);
    expect_text(pki_join(leaf, root, mid, NULL), world.key, "unordered", SEVERITY_NOTE);
    expect_text(
        pki_join(leaf, mid, root, NULL), world.key, "root-included", SEVERITY_NOTE);
    expect_text(pki_join(leaf, mid, mid, NULL), world.key, "duplicate", SEVERITY_NOTE);
    expect_text(pki_join(leaf, leaf, mid, NULL), world.key, "duplicate", SEVERITY_NOTE);
    expect_text(pki_join(leaf, mid, world.other_pem, NULL), world.key, "unrelated",
        SEVERITY_WARNING);
    expect_text(leaf, world.key, "missing-intermediate", SEVERITY_WARNING);
    expect_text(
        pki_join(leaf, root, NULL), world.key, "missing-intermediate", SEVERITY_WARNING);
    expect_text(many, world.key, "too-many-blocks", SEVERITY_REFUSED);
    expect_text(pki_join(leaf, world.other_pem, NULL), pki_key_pem(pki_key(RSA, 4)),
        "key-mismatch", SEVERITY_REFUSED);
    expect_text(pki_join(leaf, mid, NULL), pki_key_pem(pki_key(RSA, 9)), "key-mismatch",
        SEVERITY_REFUSED);
    expect_text(
        leaf, pki_key_pem(pki_key("EC:P-256", 0)), "key-mismatch", SEVERITY_REFUSED);
}

/* The CA has renewed its certificate, with the same key: the signature is right. */
static void an_issuer_that_is_not_named_is_told(void **state)
{
    static const struct {
        const char *named, *id;
    } rows[] = {
        {"authorityKeyIdentifier=DER:30038001AA", "issuer-not-named"}, /* its key id */
        {"authorityKeyIdentifier=DER:3003820101",
            "issuer-not-named"}, /* another serial number */
        {"authorityKeyIdentifier=DER:30038001BB", "root-not-included"},
    };
    const struct pki_request renewed = {
        .subject = "Middle", .ca = true, .extensions = "subjectKeyIdentifier=DER:0401BB"};
    X509 *mid = pki_certificate(&renewed, pki_key(RSA, 2), world.root, pki_key(RSA, 1));
    const char *key = pki_key_pem(pki_key(RSA, 0));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct pki_request request = {
            .subject = "h.example", .extensions = rows[i].named};
        X509 *leaf = pki_certificate(&request, pki_key(RSA, 0), mid, pki_key(RSA, 2));

        expect_text(pki_join(pki_pem(leaf), pki_pem(mid), NULL), key, rows[i].id,
            strcmp(rows[i].id, "issuer-not-named") == 0 ? SEVERITY_WARNING
                                                        : SEVERITY_NOTE);
        X509_free(leaf);
    }
    X509_free(mid);
}

static void expect_leaf(const struct pki_request *request, const char *kind,
    const char *id, enum severity severity)
{
    EVP_PKEY *key = pki_key(kind, 0);
    X509 *leaf = pki_certificate(request, key, world.mid, pki_key(RSA, 2));

    expect_text(
        pki_join(pki_pem(leaf), world.mid_pem, NULL), pki_key_pem(key), id, severity);
    X509_free(leaf);
}

/* OpenSSL serves it, and stunnel accepts it where it is installed, with any digest. */
static void expect_self_signed(
    const struct pki_request *request, const char *id, enum severity severity)
{
    EVP_PKEY *key = pki_key(RSA, 0);
    X509 *leaf = pki_certificate(request, key, NULL, NULL);

    expect_text(pki_pem(leaf), pki_key_pem(key), id, severity);
    X509_free(leaf);
}

static void wrong_leaves_are_told(void **state)
{
#define LEAF(...) (&(struct pki_request){.subject = "h.example", __VA_ARGS__})
    (void)state;
    expect_leaf(LEAF(.from_days = -9, .to_days = -1), RSA, "expired", SEVERITY_STALE);
    expect_leaf(LEAF(.from_days = 1, .to_days = 9), RSA, "not-yet-valid", SEVERITY_STALE);
    expect_leaf(LEAF(.from_days = -9, .to_days = 29), RSA, "expiring", SEVERITY_WARNING);
    expect_leaf(LEAF(.from_days = -9, .to_days = 900), RSA, "long-lived", SEVERITY_NOTE);
    expect_leaf(LEAF(.digest = "SHA1"), RSA, "sha1", SEVERITY_REFUSED);
    expect_leaf(LEAF(.digest = "MD5"), RSA, "md5", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = true), RSA, "ca-as-leaf", SEVERITY_WARNING);
    expect_leaf(LEAF(.usage = "clientAuth"), RSA, "wrong-usage", SEVERITY_WARNING);
    expect_leaf(LEAF(.alternative = "IP:10.0.0.1"), RSA, "no-dns-name", SEVERITY_NOTE);
    expect_leaf(LEAF(.alternative = "DNS:*.example"), RSA, "wildcard", SEVERITY_NOTE);
    expect_leaf(&(struct pki_request){.subject = NULL}, RSA, "no-name", SEVERITY_WARNING);
    expect_leaf(LEAF(.ca = false), "RSA:1024", "key-too-small", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "RSA:5120", "key-large", SEVERITY_WARNING);
    expect_leaf(LEAF(.ca = false), "RSA-PSS:2048", "rsa-pss", SEVERITY_WARNING);
    expect_leaf(LEAF(.ca = false), "RSA-PSS:2048:SHA384", "rsa-pss", SEVERITY_WARNING);
    expect_leaf(LEAF(.ca = false), "RSA-PSS:2048:SHA512", "rsa-pss", SEVERITY_WARNING);
    expect_leaf(
        LEAF(.ca = false), "RSA-PSS:2048:SHA224", "key-unusable", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "RSA-PSS:2048:SHA1", "key-unusable", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "EC:P-192", "key-too-small", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "EC:P-224", "unusual-curve", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "EC:secp256k1", "unusual-curve", SEVERITY_REFUSED);
    expect_leaf(
        LEAF(.ca = false), "EC:brainpoolP256r1", "unusual-curve", SEVERITY_REFUSED);
    expect_leaf(LEAF(.ca = false), "EC:P-521", "no-dns-name", SEVERITY_NOTE);
    expect_leaf(
        LEAF(.ca = false), "EC:P-256:explicit", "explicit-curve", SEVERITY_REFUSED);
    expect_leaf(LEAF(.extensions = "1.2.3.4=critical,DER:0500"), RSA,
        "critical-extension", SEVERITY_WARNING);
    expect_leaf(LEAF(.extensions = "tlsfeature=status_request"), RSA, "must-staple",
        SEVERITY_WARNING);
    expect_leaf(LEAF(.extensions = "tlsfeature=status_request_v2"), RSA, "no-dns-name",
        SEVERITY_NOTE);
    expect_leaf(&(struct pki_request){.alternative = "IP:10.0.0.7"}, RSA,
        "no-usable-name", SEVERITY_WARNING);
    expect_leaf(LEAF(.ca = false), "ED25519", "no-dns-name", SEVERITY_NOTE);
    expect_leaf(LEAF(.ca = false), "ED448", "no-dns-name", SEVERITY_NOTE);
    expect_text(
        world.other_pem, pki_key_pem(pki_key(RSA, 4)), "self-signed", SEVERITY_NOTE);
    expect_text(
        world.root_pem, pki_key_pem(pki_key(RSA, 1)), "self-signed-ca", SEVERITY_NOTE);
    expect_self_signed(LEAF(.digest = "SHA1"), "sha1", SEVERITY_NOTE);
    expect_self_signed(LEAF(.digest = "MD5"), "md5", SEVERITY_NOTE);
#undef LEAF
}

/* OpenSSL answers no question about the usage of such a certificate. */
static void an_extension_that_cannot_be_read_is_told_alone(void **state)
{
    const struct pki_request request = {
        .subject = "h.example", .extensions = "crlDistributionPoints=DER:0500"};
    X509 *leaf = pki_certificate(&request, pki_key(RSA, 0), world.mid, pki_key(RSA, 2));
    const char *text = pki_join(pki_pem(leaf), world.mid_pem, NULL), *key = world.key;
    struct findings findings;
    struct judged_pair pair;

    (void)state;
    judge_texts(text, strlen(text), key, strlen(key), true, &pair, &findings);
    assert_non_null(find(&findings, "bad-extension"));
    assert_null(find(&findings, "wrong-usage"));
    assert_null(find(&findings, "wrong-key-usage"));
    judged_pair_destroy(&pair);
    findings_destroy(&findings);
    X509_free(leaf);
}

static void open_modes_are_told(void **state)
{
    static const struct {
        mode_t key, folder;
        const char *id;
    } rows[] = {
        {0100600, 040755, NULL},
        {0100400, 041777, NULL},
        {0100640, 040755, "key-readable"},
        {0100644, 040755, "key-readable"},
        {0100600, 040777, "folder-writable"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stat key = {.st_mode = rows[i].key}, folder = {.st_mode = rows[i].folder};
        struct findings findings;

        findings_init(&findings);
        judge_modes("/d/k", &key, &findings);
        judge_folder("/d", &folder, &findings);
        assert_int_equal(findings.count, rows[i].id != NULL);
        if (rows[i].id != NULL)
            assert_non_null(find(&findings, rows[i].id));
        findings_destroy(&findings);
    }
}

static void a_remedy_names_the_file(void **state)
{
    struct findings findings;
    char text[256];

    (void)state;
    findings_init(&findings);
    findings_add(
        &findings, "x", SEVERITY_NOTE, "/a", NULL, "mv FILE FILE.old", "bad %d", 7);
    finding_sentence(&findings.items[0], text, sizeof(text));
    assert_string_equal(text, "/a: bad 7; mv /a /a.old");
    findings_destroy(&findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_chain_is_served_in_order),
        cmocka_unit_test(texts_that_are_not_a_chain_are_told),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(habits_of_other_systems_are_accepted),
        cmocka_unit_test(wrong_chains_are_told),
        cmocka_unit_test(an_issuer_that_is_not_named_is_told),
        cmocka_unit_test(wrong_leaves_are_told),
        cmocka_unit_test(an_extension_that_cannot_be_read_is_told_alone),
        cmocka_unit_test(open_modes_are_told),
        cmocka_unit_test(a_remedy_names_the_file),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
