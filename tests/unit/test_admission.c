#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proxy/session/admission.h"

static const struct admission_limits limits = {
    .connections_per_source = 3, .handshake_rate = 10, .max_handshakes = 100};

static struct admission *table;

static int start(void **state)
{
    (void)state;
    table = admission_new();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    admission_free(table);
    return 0;
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;
    struct sockaddr_in *four = (struct sockaddr_in *)&s;

    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        s.ss_family = AF_INET6;
    } else {
        assert_int_equal(inet_pton(AF_INET, text, &four->sin_addr), 1);
        s.ss_family = AF_INET;
    }
    return s;
}

static enum admission_verdict enter(
    const char *peer, uint32_t in_progress, uint64_t now, struct source **source)
{
    struct sockaddr_storage from = address(peer);

    return admission_enter(table, &limits, &from, in_progress, now, source);
}

static void a_source_has_so_many_connections_and_no_more(void **state)
{
    struct source *sources[3], *other;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter("192.0.2.1", 0, 0, &sources[i]), ADMIT);
    assert_int_equal(enter("192.0.2.1", 0, 0, &other), ADMIT_NOT_CONNECTIONS);
    assert_null(other);
    assert_int_equal(enter("192.0.2.2", 0, 0, &other), ADMIT);
    source_leave(other);
    source_leave(sources[0]);
    assert_int_equal(enter("192.0.2.1", 0, 0, &sources[0]), ADMIT);
}

static void addresses_of_one_source_count_together(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"2001:db8::1", "2001:db8::ffff:1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"::1", "::2", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct source *one, *other;

        enter(cases[i].one, 0, 0, &one);
        enter(cases[i].other, 0, 0, &other);
        assert_int_equal(one == other, cases[i].same);
        source_leave(one);
        source_leave(other);
    }
}

/* Full handshakes, one after the other, each of its own connection. */
static enum admission_verdict shake(int count, uint32_t in_progress, uint64_t now)
{
    for (int i = 0; i < count; i++) {
        struct source *source;
        enum admission_verdict verdict = enter("192.0.2.1", in_progress, now, &source);

        if (verdict != ADMIT)
            return verdict;
        source_count_full_handshake(source, now);
        source_leave(source);
    }
    return ADMIT;
}

static void the_rate_is_held_against_a_source_under_pressure_only(void **state)
{
    (void)state;
    assert_int_equal(shake(1000, 25, 1000), ADMIT);
    assert_int_equal(shake(1, 26, 1000), ADMIT_NOT_RATE);
    assert_int_equal(shake(1, 25, 1000), ADMIT);
}

static void a_source_that_slows_down_is_forgiven(void **state)
{
    (void)state;
    assert_int_equal(shake(10, 90, 1000), ADMIT);
    assert_int_equal(shake(1, 90, 1000), ADMIT_NOT_RATE);
    assert_int_equal(shake(1, 90, 1100), ADMIT);
    assert_int_equal(shake(1, 90, 1100), ADMIT_NOT_RATE);
    (void)shake(1000, 0, 2000);
    assert_int_equal(shake(10, 90, 6000), ADMIT);
}

static void connections_without_full_handshakes_never_fill_the_bucket(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct source *source;

        assert_int_equal(enter("192.0.2.1", 90, 0, &source), ADMIT);
        source_leave(source);
    }
}

static void a_crowd_of_sources_never_pushes_out_one_with_connections(void **state)
{
    struct source *kept, *again;

    (void)state;
    enter("192.0.2.1", 0, 0, &kept);
    for (unsigned i = 0; i < 200000; i++) {
        struct source *source;
        char text[32];

        snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(enter(text, 0, i, &source), ADMIT);
        source_leave(source);
    }
    enter("192.0.2.1", 0, 300000, &again);
    assert_ptr_equal(kept, again);
}

static void a_unix_peer_is_not_limited(void **state)
{
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    struct source *source;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(admission_enter(table, &limits, &from, 90, 0, &source), ADMIT);
        assert_null(source);
    }
    source_leave(source);
    source_count_full_handshake(source, 0);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        FRESH(a_source_has_so_many_connections_and_no_more),
        FRESH(addresses_of_one_source_count_together),
        FRESH(the_rate_is_held_against_a_source_under_pressure_only),
        FRESH(a_source_that_slows_down_is_forgiven),
        FRESH(connections_without_full_handshakes_never_fill_the_bucket),
        FRESH(a_crowd_of_sources_never_pushes_out_one_with_connections),
        FRESH(a_unix_peer_is_not_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
