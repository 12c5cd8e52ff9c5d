#include "tests/unit/judge_rig.h"

#include <stdio.h>
#include <sys/stat.h>

#include "certstore/judge/credential_load.h"

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
        cmocka_unit_test(wrong_chains_are_told),
        cmocka_unit_test(an_issuer_that_is_not_named_is_told),
        cmocka_unit_test(wrong_leaves_are_told),
        cmocka_unit_test(an_extension_that_cannot_be_read_is_told_alone),
        cmocka_unit_test(open_modes_are_told),
        cmocka_unit_test(a_remedy_names_the_file),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
