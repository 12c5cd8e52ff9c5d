/* config/endpoint: addresses as written, and in the kernel's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config/endpoint.h"
#include "proxy/base/error.h"

static void good_addresses_are_accepted(void **state)
{
    static const char *const accept[] = {"1", "65535", "8012", "127.0.0.1:8012",
        "[::1]:8012", "[fe80::1%eth0]:8012", "localhost:8012", "wlb.example.com:8012"};
    static const char *const connect[] = {
        "127.0.0.1:8013", "[::1]:8013", "wlb_1:1", "unix:/run/wlb.sock", "unix:/a:b"};
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(accept) / sizeof(accept[0]); i++)
        assert_true(endpoint_check(accept[i], ENDPOINT_ACCEPT, &err));
    for (size_t i = 0; i < sizeof(connect) / sizeof(connect[0]); i++)
        assert_true(endpoint_check(connect[i], ENDPOINT_CONNECT, &err));
}

static const struct {
    enum endpoint_use use;
    const char *text, *message;
} refusals[] = {
    {ENDPOINT_ACCEPT, "", "'': it is neither a port from 1 to 65535 nor address:port"},
    {ENDPOINT_ACCEPT, "65536",
        "'65536': it is neither a port from 1 to 65535 nor address:port"},
    {ENDPOINT_ACCEPT, "host",
        "'host': it is neither a port from 1 to 65535 nor address:port"},
    {ENDPOINT_ACCEPT, "*:8012", "'*:8012': for all addresses write the port alone"},
    {ENDPOINT_ACCEPT, ":8012", "':8012': for all addresses write the port alone"},
    {ENDPOINT_ACCEPT, "unix:/x",
        "'unix:/x': unix sockets can be connected to, not accepted on"},
    {ENDPOINT_ACCEPT, "::1:8012",
        "'::1:8012': an IPv6 address needs brackets, as in [::1]:8012"},
    {ENDPOINT_ACCEPT, "[::g]:80", "'[::g]:80': '[::g]' is not an IPv6 address"},
    {ENDPOINT_ACCEPT, "[fe80::1%]:80",
        "'[fe80::1%]:80': '[fe80::1%]' is not an IPv6 address"},
    {ENDPOINT_ACCEPT, "1.2.3.256:80",
        "'1.2.3.256:80': '1.2.3.256' is neither an address nor a host name"},
    {ENDPOINT_ACCEPT, "a/b:80", "'a/b:80': 'a/b' is neither an address nor a host name"},
    {ENDPOINT_ACCEPT, "-a:80", "'-a:80': '-a' is neither an address nor a host name"},
    {ENDPOINT_ACCEPT, "a:", "'a:': '' is not a port from 1 to 65535"},
    {ENDPOINT_ACCEPT, "a:http", "'a:http': 'http' is not a port from 1 to 65535"},
    {ENDPOINT_ACCEPT, "a:000080", "'a:000080': '000080' is not a port from 1 to 65535"},
    {ENDPOINT_CONNECT, "8013", "'8013': the host is missing: write 127.0.0.1:8013"},
    {ENDPOINT_CONNECT, ":8013", "':8013': the host is missing: write 127.0.0.1:8013"},
    {ENDPOINT_CONNECT, "wlb",
        "'wlb': the port is missing: write host:port or unix:/path"},
    {ENDPOINT_CONNECT, "[::1]",
        "'[::1]': the port is missing: write host:port or unix:/path"},
    {ENDPOINT_CONNECT, "unix:run/x",
        "'unix:run/x': the path after 'unix:' must begin with '/'"},
    {ENDPOINT_CONNECT, "http://a:80",
        "'http://a:80': write host:port, without 'http://'"},
};

static void bad_addresses_are_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct error err = {""};

        assert_false(endpoint_check(refusals[i].text, refusals[i].use, &err));
        assert_string_equal(err.text, refusals[i].message);
    }
}

static void an_address_that_is_too_long_is_refused(void **state)
{
    char path[140] = "unix:/", host[300];
    struct error err;

    (void)state;
    memset(path + 6, 'p', 107);
    assert_false(endpoint_check(path, ENDPOINT_CONNECT, &err));
    assert_non_null(strstr(err.text, "at most 107 bytes"));
    path[6 + 106] = '\0';
    assert_true(endpoint_check(path, ENDPOINT_CONNECT, &err));
    memset(host, 'h', 280);
    strcpy(host + 280, ":80");
    assert_false(endpoint_check(host, ENDPOINT_CONNECT, &err));
    assert_non_null(strstr(err.text, "its host is longer than 255 bytes"));
}

static void addresses_resolve_to_themselves(void **state)
{
    static const struct {
        const char *text, *described;
        int family;
    } table[] = {
        {"127.0.0.1:8013", "127.0.0.1:8013", AF_INET},
        {"[::1]:8013", "[::1]:8013", AF_INET6},
        {"unix:/run/wlb.sock", "unix:/run/wlb.sock", AF_UNIX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct endpoint found[4];
        struct error err = {""};

        assert_int_equal(
            endpoint_resolve(table[i].text, ENDPOINT_CONNECT, found, 4, &err), 1);
        assert_string_equal(found[0].text, table[i].described);
        assert_int_equal(found[0].address.ss_family, table[i].family);
    }
}

static void a_port_alone_accepts_on_all_addresses(void **state)
{
    struct endpoint found[2];
    struct error err = {""};

    (void)state;
    assert_int_equal(endpoint_resolve("8012", ENDPOINT_ACCEPT, found, 2, &err), 1);
    assert_true(strcmp(found[0].text, "[::]:8012") == 0 ||
        strcmp(found[0].text, "0.0.0.0:8012") == 0);
}

static void a_name_that_does_not_resolve_is_told(void **state)
{
    struct endpoint found[2];
    struct error err = {""};

    (void)state;
    assert_int_equal(
        endpoint_resolve("no.such.name.invalid:80", ENDPOINT_CONNECT, found, 2, &err), 0);
    assert_non_null(
        strstr(err.text, "the name 'no.such.name.invalid' cannot be resolved: "));
    assert_int_equal(endpoint_resolve("bad", ENDPOINT_CONNECT, found, 2, &err), 0);
    assert_int_equal(
        endpoint_resolve("127.0.0.1:1", ENDPOINT_CONNECT, found, 0, &err), 0);
    assert_string_equal(err.text, "no room for an address of '127.0.0.1:1'");
}

static void ipv4_clients_of_an_ipv6_socket_are_shown_as_ipv4(void **state)
{
    struct endpoint endpoint = {.len = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&endpoint.address;

    (void)state;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(4711);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6->sin6_addr), 1);
    endpoint_describe(&endpoint);
    assert_string_equal(endpoint.text, "192.0.2.7:4711");
    endpoint.address.ss_family = AF_UNSPEC;
    endpoint_describe(&endpoint);
    assert_string_equal(endpoint.text, "unknown");
}

static void equal_means_the_same_address_and_port(void **state)
{
    struct endpoint a[1], b[1];
    struct error err;

    (void)state;
    assert_int_equal(endpoint_resolve("127.0.0.1:1", ENDPOINT_CONNECT, a, 1, &err), 1);
    assert_int_equal(endpoint_resolve("127.0.0.1:1", ENDPOINT_CONNECT, b, 1, &err), 1);
    assert_true(endpoint_equal(a, b));
    assert_int_equal(endpoint_resolve("127.0.0.1:2", ENDPOINT_CONNECT, b, 1, &err), 1);
    assert_false(endpoint_equal(a, b));
    assert_int_equal(endpoint_resolve("unix:/a", ENDPOINT_CONNECT, b, 1, &err), 1);
    assert_false(endpoint_equal(a, b));
}

static void an_error_never_outgrows_its_text(void **state)
{
    struct error err;
    char text[2000];

    (void)state;
    memset(text, 'e', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_false(error_set(&err, "%s", text));
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    assert_false(error_context(&err, "where"));
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    assert_memory_equal(err.text, "where: eee", 10);
    assert_false(error_context(&err, "%s", text));
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_are_accepted),
        cmocka_unit_test(bad_addresses_are_refused_in_words),
        cmocka_unit_test(an_address_that_is_too_long_is_refused),
        cmocka_unit_test(addresses_resolve_to_themselves),
        cmocka_unit_test(a_port_alone_accepts_on_all_addresses),
        cmocka_unit_test(a_name_that_does_not_resolve_is_told),
        cmocka_unit_test(ipv4_clients_of_an_ipv6_socket_are_shown_as_ipv4),
        cmocka_unit_test(equal_means_the_same_address_and_port),
        cmocka_unit_test(an_error_never_outgrows_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
