/* A generation can be encoded and decoded, and damaged bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/error.h"
#include "proxy/ipc/addresses.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/ipc/worker_stats.h"

static struct snapshot_backend backends[2] = {
    {.endpoint = {.len = 16, .text = "127.0.0.1:8012"}},
    {.endpoint = {.len = 28, .text = "[::1]:8013"}, .connect = 1}};
static struct snapshot_blob blobs[2] = {{"secret", 6}, {"another", 7}};
static uint32_t both[2] = {1, 0};
static struct snapshot_service services[2] = {
    {.backends = backends,
        .backend_count = 2,
        .credentials = blobs,
        .credential_count = 2,
        .ca = "ca text",
        .crl = NULL,
        .backend_credential = {"shown", 5},
        .backend_ca = "issuers of backends"},
    {.backends = backends,
        .backend_count = 1,
        .credentials = blobs,
        .credential_count = 1},
};
static struct snapshot_listener listeners[1] = {
    {.address = {.len = 16, .text = "0.0.0.0:8012"},
        .services = both,
        .service_count = 2}};
static const struct snapshot sample = {.id = 7,
    .settings = "text",
    .services = services,
    .service_count = 2,
    .listeners = listeners,
    .listener_count = 1};

static char *encode(size_t *len)
{
    char *bytes;

    *len = snapshot_size(&sample);
    bytes = malloc(*len);
    assert_non_null(bytes);
    snapshot_encode(&sample, bytes, *len);
    return bytes;
}

static void a_snapshot_comes_back_as_it_was(void **state)
{
    struct snapshot got;
    struct error err;
    size_t len;
    char *bytes = encode(&len);

    (void)state;
    assert_true(snapshot_decode(&got, bytes, len, &err));
    assert_int_equal(got.id, 7);
    assert_string_equal(got.settings, "text");
    assert_int_equal(got.service_count, 2);
    assert_int_equal(got.services[0].backend_count, 2);
    assert_string_equal(got.services[0].backends[1].endpoint.text, "[::1]:8013");
    assert_int_equal(got.services[0].backends[1].connect, 1);
    assert_int_equal(got.services[0].credentials[1].len, 7);
    assert_memory_equal(got.services[0].credentials[1].bytes, "another", 7);
    assert_string_equal(got.services[0].ca, "ca text");
    assert_null(got.services[0].crl);
    assert_memory_equal(got.services[0].backend_credential.bytes, "shown", 5);
    assert_string_equal(got.services[0].backend_ca, "issuers of backends");
    assert_int_equal(got.services[1].backend_credential.len, 0);
    assert_null(got.services[1].backend_ca);
    assert_int_equal(got.listeners[0].services[0], 1);
    snapshot_destroy(&got);
    free(bytes);
}

static void every_cut_is_refused(void **state)
{
    struct snapshot got;
    struct error err;
    size_t len;
    char *bytes = encode(&len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        char *part = malloc(cut + 1);

        assert_non_null(part);
        memcpy(part, bytes, cut);
        assert_false(snapshot_decode(&got, part, cut, &err));
        free(part);
    }
    free(bytes);
}

static void no_flipped_byte_leads_astray(void **state)
{
    struct snapshot got;
    struct error err;
    size_t len;
    char *bytes = encode(&len);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= (char)0xff;
        if (snapshot_decode(&got, bytes, len, &err))
            snapshot_destroy(&got);
        bytes[i] ^= (char)0xff;
    }
    free(bytes);
}

static void a_report_comes_back_as_it_was(void **state)
{
    static struct worker_stats report, got;
    static char bytes[60 * 1024];
    size_t len;

    (void)state;
    report.counters.requests = 42;
    service_counts_add(&report.services, "wlb", METHOD_POST, 200);
    report.backend_connections = 3;
    report.log_lost = 3;
    report.page_faults = 1234;
    report.generation_count = 1;
    report.generations[0] =
        (struct worker_generation_stats){.id = 5, .clients = 2, .age_ms = 9};
    report.backend_count = 1;
    strcpy(report.backends[0].service, "wlb");
    strcpy(report.backends[0].address, "127.0.0.1:8013");
    report.backends[0].up = true;
    report.backends[0].weight = 7;
    strcpy(report.denied.address, "192.0.2.7");
    strcpy(report.denied.rule, "deny = 192.0.2.0/24");
    report.denied.ago_ms = 77;
    len = worker_stats_encode(&report, bytes, sizeof(bytes));
    assert_true(worker_stats_decode(&got, bytes, len));
    assert_memory_equal(&report, &got, sizeof(got));
    for (size_t cut = 0; cut < len; cut++)
        assert_false(worker_stats_decode(&got, bytes, cut));

    strcpy(report.backends[0].address, "\033]0;x\a\n");
    strcpy(report.services.items[0].service, "\x1b[2J");
    len = worker_stats_encode(&report, bytes, sizeof(bytes));
    assert_true(worker_stats_decode(&got, bytes, len));
    assert_string_equal(got.backends[0].address, "?]0;x??");
    assert_string_equal(got.services.items[0].service, "?[2J");
}

static void a_setup_comes_back_as_it_was(void **state)
{
    const struct setup setup = {.slot = 3,
        .crypto = 1,
        .batch_hold = 250,
        .identity = {true, 65534, 65533, "nobody"}};
    struct setup got;
    char bytes[SETUP_BYTES];
    size_t len = setup_encode(&setup, bytes, sizeof(bytes));

    (void)state;
    assert_true(setup_decode(&got, bytes, len));
    assert_int_equal(got.slot, 3);
    assert_int_equal(got.batch_hold, 250);
    assert_int_equal(got.identity.gid, 65533);
    assert_string_equal(got.identity.name, "nobody");
    assert_false(setup_decode(&got, bytes, len - 1));
}

static void the_addresses_of_a_name_come_back_in_any_order(void **state)
{
    static char bytes[1024];
    static struct addresses sent = {.connect = "wlb.example:8013", .count = 2}, got,
                            other;
    size_t len;

    (void)state;
    sent.list[0] = backends[0].endpoint;
    sent.list[1] = backends[1].endpoint;
    len = addresses_encode(&sent, bytes, sizeof(bytes));
    assert_true(addresses_decode(&got, bytes, len));
    assert_string_equal(got.connect, "wlb.example:8013");
    assert_true(addresses_equal(&got, &sent));
    other = got;
    other.list[0] = got.list[1];
    other.list[1] = got.list[0];
    assert_true(addresses_equal(&other, &got));
    other.count = 1;
    assert_false(addresses_equal(&other, &got));
    assert_false(addresses_equal(&got, &other));
    for (size_t cut = 0; cut < len; cut++)
        assert_false(addresses_decode(&got, bytes, cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_addresses_of_a_name_come_back_in_any_order),
        cmocka_unit_test(a_snapshot_comes_back_as_it_was),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(no_flipped_byte_leads_astray),
        cmocka_unit_test(a_report_comes_back_as_it_was),
        cmocka_unit_test(a_setup_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
