#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proxy/session/admission.h"

static const struct admission_limits limits = {
    .connections_per_source = 3, .handshake_rate = 10};

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
    const char *peer, bool pressed, uint64_t now, struct source **source)
{
    struct sockaddr_storage from = address(peer);

    return admission_enter(table, &limits, &from, pressed, now, source);
}

static void a_source_has_so_many_connections_and_no_more(void **state)
{
    struct source *sources[3], *other;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter("192.0.2.1", false, 0, &sources[i]), ADMIT);
    assert_int_equal(enter("192.0.2.1", false, 0, &other), ADMIT_NOT_CONNECTIONS);
    assert_null(other);
    assert_int_equal(enter("192.0.2.2", false, 0, &other), ADMIT);
    source_leave(other);
    source_leave(sources[0]);
    assert_int_equal(enter("192.0.2.1", false, 0, &sources[0]), ADMIT);
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

static void leave(struct source *source)
{
    source_handshake_over(source);
    source_leave(source);
}

/* Full handshakes one after the other, each on its own connection. */
static enum admission_verdict shake(int count, bool pressed, uint64_t now)
{
    for (int i = 0; i < count; i++) {
        struct source *source;
        enum admission_verdict verdict = enter("192.0.2.1", pressed, now, &source);

        if (verdict != ADMIT)
            return verdict;
        source_handshake_completed(source, false, now);
        leave(source);
    }
    return ADMIT;
}

static void the_rate_is_held_against_a_source_while_cpu_is_short_only(void **state)
{
    (void)state;
    assert_int_equal(shake(1000, false, 1000), ADMIT);
    assert_int_equal(shake(1, true, 1000), ADMIT_NOT_RATE);
    assert_int_equal(shake(1, false, 1000), ADMIT);
}

static void a_source_that_slows_down_is_forgiven(void **state)
{
    (void)state;
    assert_int_equal(shake(10, true, 1000), ADMIT);
    assert_int_equal(shake(1, true, 1000), ADMIT_NOT_RATE);
    assert_int_equal(shake(1, true, 1100), ADMIT);
    assert_int_equal(shake(1, true, 1100), ADMIT_NOT_RATE);
    (void)shake(1000, false, 2000);
    assert_int_equal(shake(10, true, 6000), ADMIT);
}

static enum source_priority rank_of(const char *peer, uint64_t now)
{
    struct source *source;

    assert_int_equal(enter(peer, false, now, &source), ADMIT);
    enum source_priority priority = source_priority(source, now);
    leave(source);
    return priority;
}

static void a_verified_client_goes_first_until_a_handshake_of_its_fails(void **state)
{
    struct source *source;

    (void)state;
    assert_int_equal(rank_of("192.0.2.1", 1000), SOURCE_NEW);
    assert_int_equal(shake(1, false, 1000), ADMIT);
    assert_int_equal(rank_of("192.0.2.1", 1000), SOURCE_VERIFIED);
    assert_int_equal(rank_of("192.0.2.2", 1000), SOURCE_NEW);
    assert_int_equal(rank_of("192.0.2.1", 4000 * 1000), SOURCE_NEW);
    assert_int_equal(shake(1, false, 4000 * 1000), ADMIT);
    enter("192.0.2.1", false, 4001 * 1000, &source);
    source_handshake_failed(source, 4001 * 1000);
    leave(source);
    assert_int_equal(rank_of("192.0.2.1", 4001 * 1000), SOURCE_NEW);
}

static void a_source_with_many_failures_is_limited_and_a_completing_one_is_not(
    void **state)
{
    (void)state;
    assert_int_equal(shake(100, false, 1000), ADMIT);
    assert_int_equal(rank_of("192.0.2.1", 1000), SOURCE_VERIFIED);
    for (int i = 0; i < 10; i++) {
        struct source *source;

        assert_int_equal(rank_of("192.0.2.9", 1000), SOURCE_NEW);
        enter("192.0.2.9", false, 1000, &source);
        source_handshake_failed(source, 1000);
        leave(source);
    }
    assert_int_equal(rank_of("192.0.2.9", 1000), SOURCE_LIMITED);
    assert_int_equal(rank_of("192.0.2.9", 1100), SOURCE_NEW);
}

static void a_source_with_many_handshakes_is_limited_until_they_end(void **state)
{
    static const struct admission_limits none = {0};
    struct sockaddr_storage from = address("192.0.2.1");
    struct source *sources[20];

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(
            admission_enter(table, &none, &from, true, 0, &sources[i]), ADMIT);
        assert_int_equal(source_handshakes(sources[i]), i + 1);
        assert_int_equal(
            source_priority(sources[i], 0), i < 16 ? SOURCE_NEW : SOURCE_LIMITED);
    }
    for (int i = 0; i < 4; i++)
        source_handshake_over(sources[i]);
    assert_int_equal(source_priority(sources[0], 0), SOURCE_NEW);
    for (int i = 4; i < 20; i++)
        source_handshake_over(sources[i]);
    for (int i = 0; i < 20; i++)
        source_leave(sources[i]);
}

static void connections_without_full_handshakes_never_fill_the_bucket(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct source *source;

        assert_int_equal(enter("192.0.2.1", true, 0, &source), ADMIT);
        leave(source);
    }
}

static void many_sources_never_evict_one_with_connections(void **state)
{
    struct source *kept, *again;

    (void)state;
    enter("192.0.2.1", false, 0, &kept);
    for (unsigned i = 0; i < 200000; i++) {
        struct source *source;
        char text[32];

        snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(enter(text, false, i, &source), ADMIT);
        source_leave(source);
    }
    enter("192.0.2.1", false, 300000, &again);
    assert_ptr_equal(kept, again);
}

static void many_unverified_clients_do_not_push_out_verified_ones(void **state)
{
    (void)state;
    assert_int_equal(shake(1, false, 1000), ADMIT);
    for (unsigned i = 0; i < 200000; i++) {
        struct source *source;
        char text[32];

        snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_int_equal(enter(text, false, 1000 + i / 100, &source), ADMIT);
        source_handshake_failed(source, 1000 + i / 100);
        leave(source);
    }
    assert_int_equal(rank_of("192.0.2.1", 3000), SOURCE_VERIFIED);
}

static void a_unix_peer_is_not_limited(void **state)
{
    struct sockaddr_storage from = {.ss_family = AF_UNIX};
    struct source *source;

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(admission_enter(table, &limits, &from, true, 0, &source), ADMIT);
        assert_null(source);
    }
    leave(source);
    source_handshake_completed(source, false, 0);
    source_handshake_failed(source, 0);
    assert_int_equal(source_handshakes(source), 0);
    assert_int_equal(source_priority(source, 0), SOURCE_NEW);
}

static void failed_logins_are_limited_by_the_minute(void **state)
{
    struct source *one, *other;

    (void)state;
    assert_int_equal(enter("192.0.2.1", false, 1000, &one), ADMIT);
    assert_int_equal(enter("192.0.2.2", false, 1000, &other), ADMIT);
    for (int i = 0; i < 6; i++) {
        assert_false(source_logins_exhausted(one, 6, 1000));
        source_login_failed(one, 6, 1000);
    }
    assert_true(source_logins_exhausted(one, 6, 1000));
    assert_true(source_logins_exhausted(one, 6, 10000));
    assert_false(source_logins_exhausted(one, 6, 11000)); /* one more each ten seconds */
    assert_false(source_logins_exhausted(other, 6, 1000));
    assert_false(source_logins_exhausted(one, 0, 1000));
    assert_false(source_logins_exhausted(NULL, 1, 1000));
    source_login_failed(NULL, 1, 1000);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        FRESH(a_source_has_so_many_connections_and_no_more),
        FRESH(addresses_of_one_source_count_together),
        FRESH(the_rate_is_held_against_a_source_while_cpu_is_short_only),
        FRESH(a_source_that_slows_down_is_forgiven),
        FRESH(a_verified_client_goes_first_until_a_handshake_of_its_fails),
        FRESH(a_source_with_many_failures_is_limited_and_a_completing_one_is_not),
        FRESH(a_source_with_many_handshakes_is_limited_until_they_end),
        FRESH(connections_without_full_handshakes_never_fill_the_bucket),
        FRESH(many_sources_never_evict_one_with_connections),
        FRESH(many_unverified_clients_do_not_push_out_verified_ones),
        FRESH(a_unix_peer_is_not_limited),
        FRESH(failed_logins_are_limited_by_the_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
