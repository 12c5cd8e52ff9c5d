/* A worker's generation is made service by service, and what it lacks yet is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/credential.h"
#include "certstore/secrets.h"
#include "proxy/base/error.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/worker/served.h"
#include "tests/unit/pki.h"

enum { SERVICES = 3 };

static const char settings[] =
    "cert = /a.pem\nkey = /a.key\nprotocol = tcp\n"
    "[first]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:4\n"
    "[second]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:5\nsni = second.test\n"
    "[third]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:6\nsni = third.test\n";

static struct snapshot_blob blob, other;
static struct snapshot_service services[SERVICES];
static uint32_t all_services[SERVICES] = {0, 1, 2};
static struct snapshot_listener listener = {
    .services = all_services, .service_count = SERVICES};
static struct snapshot snapshot;
static struct ticket_keys tickets;
static struct error err;

static struct snapshot_blob pack(const char *kind)
{
    EVP_PKEY *key = pki_key(kind, 0);
    struct judged_pair pair = {.chain = sk_X509_new_null(), .key = key};
    struct credential *credential;
    struct snapshot_blob packed;

    assert_int_equal(EVP_PKEY_up_ref(key), 1);
    pair.leaf = pki_certificate(&(struct pki_request){.subject = "wlb"}, key, NULL, NULL);
    credential = credential_of_pair(&pair);
    packed.bytes = credential_pack(credential, false, &packed.len);
    credential_unref(credential);
    return packed;
}

static int setup(void **state)
{
    (void)state;
    blob = pack("EC:P-256");
    other = pack("RSA:2048");
    for (size_t i = 0; i < SERVICES; i++)
        services[i] =
            (struct snapshot_service){.credentials = &blob, .credential_count = 1};
    snapshot = (struct snapshot){.id = 7,
        .settings = settings,
        .services = services,
        .service_count = SERVICES,
        .listeners = &listener,
        .listener_count = 1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    secrets_free((char *)(uintptr_t)blob.bytes, blob.len);
    secrets_free((char *)(uintptr_t)other.bytes, other.len);
    return 0;
}

static struct served *begin(void)
{
    struct served *served = served_new(&snapshot, &err);

    if (served == NULL)
        fail_msg("%s", err.text);
    return served;
}

/* The time is over before it begins: each call makes one service all the same. */
static void each_call_makes_one_service_at_least(void **state)
{
    struct served *served = begin();

    (void)state;
    for (size_t built = 1; built <= SERVICES; built++) {
        assert_false(served_is_built(served));
        assert_true(served_build(served, &snapshot, &tickets, NULL, 0, &err));
        assert_int_equal(served->built, built);
        for (size_t i = 0; i < SERVICES; i++)
            assert_int_equal(served->generation->services[i].tls != NULL, i < built);
    }
    assert_true(served_is_built(served));
    served_release(served);
}

static void time_that_is_left_is_used(void **state)
{
    struct served *served = begin();

    (void)state;
    assert_true(served_build(served, &snapshot, &tickets, NULL, UINT64_MAX, &err));
    assert_true(served_is_built(served));
    /* Names lead to services only when all are there. */
    assert_non_null(served->choices);
    assert_ptr_equal(context_owner((void *)served->generation->services[2].tls),
        &served->generation->services[2]);
    served_release(served);
}

static X509 *certificate_of(const struct served *served, size_t i)
{
    return SSL_CTX_get0_certificate((void *)served->generation->services[i].tls);
}

static void services_with_the_same_certificate_share_it(void **state)
{
    char *bytes = memcpy(test_malloc(blob.len), blob.bytes, blob.len);
    struct snapshot_blob same = {bytes, blob.len}; /* at another place */
    struct served *served;

    (void)state;
    services[1].credentials = &same;
    services[2].credentials = &other;
    served = begin();
    assert_true(served_build(served, &snapshot, &tickets, NULL, UINT64_MAX, &err));
    test_free(bytes);
    assert_ptr_equal(certificate_of(served, 0), certificate_of(served, 1));
    assert_ptr_not_equal(certificate_of(served, 2), certificate_of(served, 0));
    served_release(served);
    services[1].credentials = services[2].credentials = &blob;
}

static void half_of_it_can_be_given_up(void **state)
{
    struct served *served = begin();

    (void)state;
    assert_true(served_build(served, &snapshot, &tickets, NULL, 0, &err));
    served_release(served);
}

static void a_service_that_cannot_be_made_is_named(void **state)
{
    struct snapshot_blob damaged = {"x", 1};
    struct served *served = begin();

    (void)state;
    services[1].credentials = &damaged;
    assert_true(served_build(served, &snapshot, &tickets, NULL, 0, &err));
    assert_false(served_build(served, &snapshot, &tickets, NULL, 0, &err));
    assert_non_null(strstr(err.text, "service second"));
    assert_false(served_is_built(served));
    services[1].credentials = &blob;
    served_release(served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_makes_one_service_at_least),
        cmocka_unit_test(time_that_is_left_is_used),
        cmocka_unit_test(services_with_the_same_certificate_share_it),
        cmocka_unit_test(half_of_it_can_be_given_up),
        cmocka_unit_test(a_service_that_cannot_be_made_is_named),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
