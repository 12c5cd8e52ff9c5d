#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "certstore/judge/credential_load.h"
#include "certstore/pem.h"
#include "proxy/base/error.h"
#include "tests/unit/pki.h"

static char folder[] = "/tmp/credential-XXXXXX";
static char cert[64], key[64];
static struct error err;

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static struct credential *load(
    const char *cert_path, const char *key_path, const char *id)
{
    struct findings findings;
    struct credential *credential;
    bool found = id == NULL;

    findings_init(&findings);
    credential =
        credential_load(cert_path, key_path, NULL, true, PKI_NOW, &findings, &err);
    for (size_t i = 0; i < findings.count; i++)
        found = found || strcmp(findings.items[i].id, id) == 0;
    if (!found)
        fail_msg("no %s: %s", id, err.text);
    findings_destroy(&findings);
    return credential;
}

static int setup(void **state)
{
    EVP_PKEY *private = pki_key("RSA:2048", 0);
    X509 *certificate =
        pki_certificate(&(struct pki_request){.subject = "wlb"}, private, NULL, NULL);

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(cert, sizeof(cert), "%s/server.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/server.key", folder);
    write_file(cert, pki_pem(certificate));
    write_file(key, pki_key_pem(private));
    X509_free(certificate);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(cert);
    (void)unlink(key);
    return rmdir(folder);
}

static void a_fifo_or_device_is_refused_without_waiting(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[96];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_null(load(folder, key, "not-a-file"));
    assert_null(load("/dev/zero", key, "not-a-file"));
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(load(path, key, "not-a-file"));
    assert_null(load(cert, path, "not-a-file"));
    assert_non_null(strstr(err.text, "FIFO"));
    (void)unlink(path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_null(load(path, key, "not-a-file"));
    assert_non_null(strstr(err.text, "socket"));
    (void)unlink(path);
    (void)close(fd);
    assert_null(load(path, key, "missing"));
    assert_null(load(cert, path, "missing"));
    write_file(path, "");
    assert_null(load(path, key, "empty"));
    assert_int_equal(truncate(path, PEM_TEXT_MAX + 1), 0);
    assert_null(load(path, key, "too-large"));
    (void)unlink(path);
}

static void a_pair_and_a_merged_file_are_the_same(void **state)
{
    char merged[96], text[16384];
    struct credential *pair = load(cert, key, "self-signed"), *one;
    FILE *from = fopen(cert, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, from);

    (void)state;
    text[len] = '\0';
    (void)fclose(from);
    (void)snprintf(merged, sizeof(merged), "%s/merged", folder);
    write_file(merged, pki_join(text, pki_key_pem(pki_key("RSA:2048", 0)), NULL));
    one = load(merged, "", NULL);
    assert_non_null(pair);
    assert_non_null(one);
    assert_true(credential_equal(pair, one));
    assert_string_equal(credential_summary(one)->names, "wlb");
    assert_string_equal(credential_summary(one)->key, "RSA 2048");
    credential_unref(one);
    (void)chmod(merged, 0644);
    credential_unref(load(merged, NULL, "key-readable"));
    credential_unref(pair);
    (void)unlink(merged);
}

static bool is_locked(EVP_PKEY *private, const char *name)
{
    BIGNUM *number = NULL;
    bool secure;

    assert_int_equal(EVP_PKEY_get_bn_param(private, name, &number), 1);
    secure = BN_get_flags(number, BN_FLG_SECURE) != 0;
    BN_clear_free(number);
    return secure;
}

static void keys_lie_in_the_secure_heap_and_cores_are_off(void **state)
{
    size_t before = CRYPTO_secure_used(), held;
    struct credential *credential = load(cert, key, NULL);
    struct rlimit limit;

    (void)state;
    held = CRYPTO_secure_used();
    assert_true(held > before + 1200); /* DER, and d p q dp dq qinv */
    assert_true(is_locked(credential_key(credential), OSSL_PKEY_PARAM_RSA_D) ||
        held > before + 2000);
    credential_unref(credential);
    assert_int_equal(CRYPTO_secure_used(), before);
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fifo_or_device_is_refused_without_waiting),
        cmocka_unit_test(a_pair_and_a_merged_file_are_the_same),
        cmocka_unit_test(keys_lie_in_the_secure_heap_and_cores_are_off),
    };

    if (!secrets_init(&err))
        return 1;
    return cmocka_run_group_tests(tests, setup, teardown);
}
