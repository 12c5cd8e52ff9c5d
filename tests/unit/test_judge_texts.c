/* Texts that are no chain and key in PEM, or are so by the habits of another system. */
#include "tests/unit/judge_rig.h"

#include <openssl/pkcs12.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_are_not_a_chain_are_told),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(habits_of_other_systems_are_accepted),
    };

    return cmocka_run_group_tests(tests, make_world, free_world);
}
