#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "config/network.h"
#include "config/path_rule.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/denied_log.h"

static struct service_settings settings;

static struct in6_addr address(const char *text)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&peer;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;

    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        peer.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
        peer.ss_family = AF_INET6;
    }
    return network_address(&peer);
}

static void a_network_contains_its_addresses_and_no_other(void **state)
{
    static const struct {
        const char *network, *inside, *outside;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
        {"192.0.2.7/32", "192.0.2.7", "192.0.2.8"},
        {"192.0.2.0/25", "192.0.2.127", "192.0.2.128"},
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"0.0.0.0/0", "255.255.255.255", "::1"},
        {"0.0.0.0/0", "::ffff:1.2.3.4", "2001:db8::1"},
        {"::ffff:0:0/96", "192.0.2.1", "2001:db8::1"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
        {"::1", "::1", "::2"},
    };
    struct network network;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct in6_addr inside = address(cases[i].inside);
        struct in6_addr outside = address(cases[i].outside);

        assert_true(network_parse(cases[i].network, &network, &err));
        assert_true(network_contains(&network, &inside));
        assert_false(network_contains(&network, &outside));
    }
}

static void an_invalid_network_is_reported(void **state)
{
    static const char *const bad[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/8x", "10.0.0.1/8", "10.0.0", "10.0.0.0/0008", "2001:db8::/129",
        "2001:db8::1/64", "localhost", "::1%lo", "[::1]",
        "1111111111111111111111111111111111111111111111111111111111111111"};
    struct network network;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err.text[0] = '\0';
        if (network_parse(bad[i], &network, &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_true(strlen(err.text) > 10);
    }
}

static struct access_rules *rules_of(
    const char *const *allow, const char *const *deny, const char *const *paths)
{
    text_list_clear(&settings.allow);
    text_list_clear(&settings.deny);
    text_list_clear(&settings.paths);
    for (; *allow != NULL; allow++)
        text_list_add(&settings.allow, *allow);
    for (; *deny != NULL; deny++)
        text_list_add(&settings.deny, *deny);
    for (; *paths != NULL; paths++)
        text_list_add(&settings.paths, *paths);
    return access_rules_new(&settings);
}

#define NONE                                                                             \
    (const char *const[])                                                                \
    {                                                                                    \
        NULL                                                                             \
    }

static bool admits(const struct access_rules *rules, const char *text)
{
    struct in6_addr one = address(text);

    return access_rules_admit(rules, &one);
}

static void deny_wins_over_allow_and_silence_admits_all(void **state)
{
    struct access_rules *rules = rules_of(NONE, NONE, NONE);

    (void)state;
    assert_true(admits(rules, "192.0.2.1") && admits(rules, "2001:db8::1"));
    access_rules_free(rules);
    rules = rules_of((const char *const[]){"10.0.0.0/8", "2001:db8::/32", NULL},
        (const char *const[]){"10.1.0.0/16", NULL}, NONE);
    assert_true(admits(rules, "10.0.0.1") && admits(rules, "2001:db8::1"));
    assert_false(admits(rules, "10.1.2.3") || admits(rules, "192.0.2.1"));
    assert_false(admits(rules, "127.0.0.1") || admits(rules, "::1"));
    assert_true(admits(rules, "::")); /* the master's own probe */
    access_rules_free(rules);
    rules = rules_of(NONE, (const char *const[]){"192.0.2.1", NULL}, NONE);
    assert_false(admits(rules, "192.0.2.1"));
    assert_true(admits(rules, "192.0.2.2"));
    access_rules_free(rules);
}

static enum path_verdict judge(
    const struct access_rules *rules, const char *method, const char *target)
{
    return access_rules_judge(rules, (struct span){method, strlen(method)},
        (struct span){target, strlen(target)});
}

static void a_request_is_passed_on_by_prefix_and_method(void **state)
{
    struct access_rules *rules = rules_of(NONE, NONE,
        (const char *const[]){"POST /Service", "GET,PUT /files/", "/any", NULL});
    const char *target = "/Service?x";

    (void)state;
    assert_int_equal(judge(rules, "POST", "/Service"), PATH_PASSED);
    assert_int_equal(judge(rules, "POST", "/Service/x?y=/.."), PATH_PASSED);
    assert_int_equal(judge(rules, "POST", "/Service?wsdl"), PATH_PASSED);
    assert_int_equal(judge(rules, "POST", "/Services"), PATH_UNKNOWN);
    assert_int_equal(judge(rules, "GET", "/Service"), PATH_METHOD_NOT_ALLOWED);
    assert_int_equal(judge(rules, "HEAD", "/files/a"), PATH_PASSED);
    assert_int_equal(judge(rules, "PUT", "/files/"), PATH_PASSED);
    assert_int_equal(judge(rules, "DELETE", "/files/a"), PATH_METHOD_NOT_ALLOWED);
    assert_int_equal(judge(rules, "GET", "/files"), PATH_UNKNOWN);
    assert_int_equal(judge(rules, "PATCH", "/any/thing"), PATH_PASSED);
    assert_int_equal(judge(rules, "OPTIONS", "*"), PATH_UNKNOWN);
    assert_string_equal(
        access_rules_allowed(rules, (struct span){target, strlen(target)}),
        "Allow: POST\r\n");
    assert_string_equal(
        access_rules_allowed(rules, (struct span){"/files/x", 8}), "Allow: GET, PUT\r\n");
    access_rules_free(rules);
}

static void a_path_of_two_meanings_is_unknown(void **state)
{
    static const char *const targets[] = {"/Service/../admin", "/Service/./x",
        "/Service/..", "/Service/.", "/Service/..;/admin", "/Service/.;x/admin",
        "/Service/%2e%2e/admin", "/Service/%2E./admin", "/Service/..%2fadmin",
        "/Service/..%5cadmin", "/Service/\\..\\admin", "/Service/%252e%252e/admin",
        "/Service%00", "/Service/..%3b/admin"};
    struct access_rules *rules =
        rules_of(NONE, NONE, (const char *const[]){"POST /Service", NULL});

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (judge(rules, "POST", targets[i]) != PATH_UNKNOWN)
            fail_msg("%s was passed on", targets[i]);
    }
    assert_int_equal(
        judge(rules, "POST", "/Service/a%20b/..c/d..e/...?%2e%2e"), PATH_PASSED);
    access_rules_free(rules);
}

static void an_invalid_path_rule_is_reported(void **state)
{
    static const char *const bad[] = {"", "Service", "get /Service", "GET",
        "GET,/Service", ",GET /x", "GET,,PUT /x", "GET, PUT /x", "GET /a b", "GET /a%20b",
        "/a?b", "/a#b", "/a//b", "/a/../b", "/a/.", "http://a/b", "GET /\"a"};
    struct path_rule rule;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (path_rule_parse(bad[i], &rule, &err))
            fail_msg("'%s' was taken", bad[i]);
    }
    assert_true(path_rule_parse("GET,M-SEARCH   /a.b/.c", &rule, &err));
    assert_string_equal(rule.prefix, "/a.b/.c");
    assert_int_equal(rule.methods_len, strlen("GET,M-SEARCH"));
}

static void an_address_is_told_of_once_a_minute(void **state)
{
    static struct denied_log log;
    struct in6_addr one = address("192.0.2.1"), other = address("192.0.2.2");

    (void)state;
    assert_true(denied_log_may(&log, &one, 1000));
    assert_false(denied_log_may(&log, &one, 60999));
    assert_true(denied_log_may(&log, &other, 1001));
    assert_true(denied_log_may(&log, &one, 61000));
}

static int clean_up(void **state)
{
    (void)state;
    text_list_clear(&settings.allow);
    text_list_clear(&settings.deny);
    text_list_clear(&settings.paths);
    return 0;
}

static struct settings *two_services(const char *options)
{
    char text[512];
    struct error err;
    struct settings *both;

    (void)snprintf(text, sizeof(text),
        "verify = optional\nca = /a\n[a]\naccept = 1\n[b]\naccept = 1\nsni = b\n%s\n",
        options);
    both = settings_parse(text, "test", &err);
    if (both == NULL)
        fail_msg("%s", err.text);
    return both;
}

static void services_differ_in_whom_they_let_in(void **state)
{
    static const char *const different[] = {"verify = required", "verify = off",
        "ca = /b", "crl = /c", "verify_depth = 2", "verify_names = x", "verify_pins = /p",
        "allow = 192.0.2.1", "deny = ::1", "paths = /x", "auth_failures = 7"};
    static const char *const equal[] = {
        "tls_min = 1.3",
        "head_timeout = 1s",
        "connect = 127.0.0.1:9",
        "max_body = 1k",
#ifdef WLB_TLS_NATIVE
        "tls_engine = native",
#endif
    };

    (void)state;
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        struct settings *s = two_services(different[i]);

        assert_false(access_rules_are_equal(&s->services[0], &s->services[1]));
        settings_free(s);
    }
    for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++) {
        struct settings *s = two_services(equal[i]);

        assert_true(access_rules_are_equal(&s->services[0], &s->services[1]));
        settings_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_contains_its_addresses_and_no_other),
        cmocka_unit_test(an_invalid_network_is_reported),
        cmocka_unit_test(deny_wins_over_allow_and_silence_admits_all),
        cmocka_unit_test(a_request_is_passed_on_by_prefix_and_method),
        cmocka_unit_test(a_path_of_two_meanings_is_unknown),
        cmocka_unit_test(an_invalid_path_rule_is_reported),
        cmocka_unit_test(an_address_is_told_of_once_a_minute),
        cmocka_unit_test(services_differ_in_whom_they_let_in),
    };

    return cmocka_run_group_tests(tests, NULL, clean_up);
}
