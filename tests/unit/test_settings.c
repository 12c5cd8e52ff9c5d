/* config/settings: which texts are accepted, their meaning, and how settings are
 * printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/connect_line.h"
#include "config/health.h"
#include "config/options.h"
#include "config/settings.h"
#include "proxy/base/error.h"

static struct settings *parse(const char *text)
{
    struct error err = {""};
    struct settings *settings = settings_parse(text, "f", &err);

    if (settings == NULL)
        fail_msg("refused: %s\n%s", err.text, text);
    return settings;
}

static void without_a_file_the_appliance_is_served(void **state)
{
    struct settings *settings = parse("");
    const struct service_settings *wlb = settings->services;

    (void)state;
    assert_int_equal(settings->workers, 0);
    assert_string_equal(settings->user, "wlbproxy");
    assert_string_equal(settings->log, "stderr");
    assert_string_equal(settings->control, "/run/wlbproxy/control.sock");
    assert_int_equal(settings->service_count, 1);
    assert_string_equal(wlb->name, "wlb");
    assert_string_equal(wlb->accept.items[0], "8012");
    assert_string_equal(wlb->connect.items[0], "127.0.0.1:8013");
    assert_string_equal(wlb->cert.items[0], "/etc/ssl/certs/server.pem");
    assert_string_equal(wlb->key.items[0], "/etc/ssl/certs/server.key");
    assert_int_equal(wlb->sni.count, 0);
    assert_int_equal(wlb->protocol, PROTOCOL_HTTP);
    assert_int_equal(wlb->tls_min, TLS_MIN_1_2);
    assert_int_equal(wlb->handshake_timeout, 10000);
    assert_int_equal(wlb->head_timeout, 30000);
    assert_int_equal(wlb->idle_timeout, 75000);
    assert_int_equal(wlb->body_timeout, 60000);
    assert_int_equal(wlb->connect_timeout, 5000);
    assert_int_equal(wlb->response_timeout, 660000);
    assert_int_equal(settings->drain_timeout, 660000);
    assert_int_equal(settings->batch_hold, 0);
    assert_int_equal(wlb->max_head, 32768);
    assert_int_equal(wlb->max_body, 8 << 20);
    assert_int_equal(settings->max_connections, 10000);
    assert_true(wlb->send_root && wlb->forwarded);
    assert_int_equal(wlb->backend_keepalive, 0);
    assert_string_equal(settings->access_log, "off");
    assert_string_equal(wlb->ca, "");
    settings_free(settings);
}

static void the_control_socket_of_a_broken_file_is_found(void **state)
{
    static const struct {
        const char *text, *control;
    } rows[] = {
        {"nonsense = 1\ncontrol = /a/b\nnonsense = 2\n", "/a/b"},
        {"control = /a/b\n[wlb]\nnonsense = 2\n", "/a/b"},
        {"nonsense = 1\n", NULL},
        {"nonsense = 1\ncontrol = relative\n", NULL},
        {"nonsense = 1\ncontrol = off\n", "off"},
        {"[wlb]\ncontrol = /a/b\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[] = "/tmp/wlbproxy-settings-XXXXXX";
        int fd = mkstemp(path);
        char *control;

        assert_true(fd >= 0);
        assert_int_equal(
            write(fd, rows[i].text, strlen(rows[i].text)), (ssize_t)strlen(rows[i].text));
        close(fd);
        control = settings_find_control(path);
        unlink(path);
        if (rows[i].control == NULL)
            assert_null(control);
        else
            assert_string_equal(control, rows[i].control);
        free(control);
    }
    assert_null(settings_find_control("/nonexistent/file"));
}

static void every_part_of_the_syntax_is_understood(void **state)
{
    struct settings *settings = parse("\xef\xbb\xbf; a comment\r\n"
                                      "# another\r\n"
                                      "workers=3\r\n"
                                      "\tlog = /var/log/wlb#1.log   ; comment\r\n"
                                      "drain_timeout = 0\r\n"
                                      "batch_hold = 1ms\r\n"
                                      "\r\n"
                                      "  [a.b-c_1] # comment\r\n"
                                      "accept = [::1]:8443\r\n"
                                      "accept = localhost:8444 # comment\r\n"
                                      "connect = unix:/run/wlb.sock\r\n"
                                      "protocol = tcp");

    (void)state;
    assert_int_equal(settings->workers, 3);
    assert_string_equal(settings->log, "/var/log/wlb#1.log");
    assert_int_equal(settings->drain_timeout, 0);
    assert_int_equal(settings->batch_hold, 1000);
    assert_int_equal(settings->service_count, 1);
    assert_string_equal(settings->services[0].name, "a.b-c_1");
    assert_int_equal(settings->services[0].accept.count, 2);
    assert_string_equal(settings->services[0].accept.items[1], "localhost:8444");
    assert_string_equal(settings->services[0].connect.items[0], "unix:/run/wlb.sock");
    assert_int_equal(settings->services[0].protocol, PROTOCOL_TCP);
    settings_free(settings);
}

static void long_lists_of_ciphers_fit_a_line(void **state)
{
    char text[1100] = "ciphers = ", expected[1001];
    struct settings *settings;

    (void)state;
    memset(expected, 'A', 1000);
    expected[1000] = '\0';
    strcat(text, expected);
    settings = parse(text);
    assert_string_equal(settings->services[0].ciphers, expected);
    settings_free(settings);
}

static void units_are_what_they_say(void **state)
{
    static const struct {
        const char *text;
        uint64_t idle_timeout, max_body;
    } table[] = {
        {"idle_timeout = 500ms\nmax_body = 0\n", 500, 0},
        {"idle_timeout = 75s\nmax_body = 100b\n", 75000, 100},
        {"idle_timeout = 11m\nmax_body = 64k\n", 660000, 65536},
        {"idle_timeout = 2h\nmax_body = 8m\n", 7200000, 8 << 20},
        {"idle_timeout = 1d\nmax_body = 3g\n", 86400000, (uint64_t)3 << 30},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct settings *settings = parse(table[i].text);

        assert_int_equal(settings->services[0].idle_timeout, table[i].idle_timeout);
        assert_int_equal(settings->services[0].max_body, table[i].max_body);
        settings_free(settings);
    }
}

static void services_inherit_what_stands_before_them(void **state)
{
    struct settings *settings = parse("max_head = 64k\n"
                                      "cert = /c.pem\n"
                                      "key = /k.pem\n"
                                      "[a]\n"
                                      "accept = 1\n"
                                      "[b]\n"
                                      "accept = 2\n"
                                      "max_head = 16k\n"
                                      "cert = /merged.pem\n"
                                      "[c]\n"
                                      "accept = 3\n"
                                      "key = /other.pem\n");

    (void)state;
    assert_int_equal(settings->services[0].max_head, 64 << 10);
    assert_string_equal(settings->services[0].key.items[0], "/k.pem");
    assert_int_equal(settings->services[1].max_head, 16 << 10);
    assert_string_equal(settings->services[1].cert.items[0], "/merged.pem");
    assert_int_equal(settings->services[1].key.count, 0);
    assert_string_equal(settings->services[2].cert.items[0], "/c.pem");
    assert_string_equal(settings->services[2].key.items[0], "/other.pem");
    settings_free(settings);
}

static void a_merged_file_needs_no_key(void **state)
{
    struct settings *settings = parse("cert = /merged.pem\n");

    (void)state;
    assert_int_equal(settings->services[0].cert.count, 1);
    assert_int_equal(settings->services[0].key.count, 0);
    settings_free(settings);
}

static void services_share_an_address_by_name(void **state)
{
    struct settings *settings = parse("[a]\nprotocol = http\n"
                                      "[b]\nsni = b.example.com\nsni = *.b.example.com\n"
                                      "[c]\nsni = c.example.com\nsni = B\n");

    (void)state;
    assert_int_equal(settings->service_count, 3);
    assert_int_equal(settings->services[1].sni.count, 2);
    settings_free(settings);
}

static void assert_round_trip(const char *text)
{
    struct settings *first = parse(text);
    char *printed = settings_print(first);
    struct settings *second = parse(printed);
    char *again = settings_print(second);

    assert_string_equal(printed, again);
    assert_int_equal(first->service_count, second->service_count);
    for (size_t i = 0; i < first->service_count; i++)
        assert_int_equal(first->services[i].key.count, second->services[i].key.count);
    settings_free(first);
    settings_free(second);
    free(printed);
    free(again);
}

static void printed_settings_read_the_same(void **state)
{
    (void)state;
    assert_round_trip("");
    assert_round_trip(
        "cert = /merged.pem\nworkers = 2\nmax_body = 0\nmin_rate = 1000b\n");
    assert_round_trip("control = off\naccess_log = /var/log/a b.log\n"
                      "[a]\nprotocol = tcp\n"
                      "[b]\nsni = *.b.example\nverify = optional\nca = /ca.pem\n"
                      "verify_depth = 1\n"
                      "allow = 10.0.0.0/8\nallow = ::1\ndeny = 10.1.2.3\n"
                      "paths = GET,POST /a\npaths = /b\nauth_failures = 10\n"
                      "health = GET /a?b=%20\nhealth_status = 200,401\n");
    assert_round_trip("[a]\nconnect = tls:b:443\nconnect = tls:unix:/s backup\n"
                      "backend_name = b\nbackend_pins = /p\nbackend_ca = /ca.pem\n"
                      "backend_cert = /c\nbackend_key = /k\n");
    /* Inherited by services that could not write them. */
    assert_round_trip("max_head = 64k\nca = /ca.pem\ncrl = /crl.pem\nverify_depth = 9\n"
                      "verify = required\n"
                      "[a]\nprotocol = tcp\nverify = off\n"
                      "[b]\naccept = 2\n");
}

static void every_option_can_be_written_as_it_is_printed(void **state)
{
    struct settings *settings = parse("");
    char *printed = settings_print(settings);

    (void)state;
    for (size_t i = 0; i < option_count(); i++) {
        const struct option *option = option_at(i);
        char line[80];

        snprintf(line, sizeof(line), "\n%s = ", option->name);
        if (i > 0 && option->default_text != NULL &&
            strcmp(option->default_text, "none") != 0 && !option->backend_tls_only &&
            strcmp(option->name, "verify_depth") != 0)
            assert_non_null(strstr(printed, line));
        assert_true(strlen(option->help) > 10 && strlen(option->help) < 120);
    }
    settings_free(settings);
    free(printed);
}

static void each_table_names_each_option(void **state)
{
    static const enum option_format formats[] = {
        OPTIONS_TEXT, OPTIONS_MARKDOWN, OPTIONS_MAN};

    (void)state;
    for (size_t f = 0; f < 3; f++) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        options_print(formats[f], out);
        fclose(out);
        for (size_t i = 0; i < option_count(); i++)
            assert_non_null(strstr(text, option_at(i)->name));
        for (char *line = strtok(text, "\n"); f == 0 && line; line = strtok(NULL, "\n"))
            assert_true(strlen(line) < 80);
        free(text);
    }
}

static void a_connect_line_is_an_address_and_what_follows(void **state)
{
    static const struct {
        const char *text, *address;
        uint32_t weight;
        bool backup, tls;
        const char *host;
    } lines[] = {
        {"wlb:8013", "wlb:8013", 1, false, false, "wlb"},
        {"wlb:8013 weight=3", "wlb:8013", 3, false, false, "wlb"},
        {"[::1]:8013  backup weight=100", "[::1]:8013", 100, true, false, "::1"},
        {"unix:/run/a b.sock backup", "unix:/run/a b.sock", 1, true, false, ""},
        {"tls:wlb.example:443 backup", "wlb.example:443", 1, true, true, "wlb.example"},
        {"tls:[fe80::1%lo]:443", "[fe80::1%lo]:443", 1, false, true, "fe80::1"},
        {"tls:unix:/run/a b.sock weight=2", "unix:/run/a b.sock", 2, false, true, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct connect_line line;
        struct error err;
        char host[CONNECT_ADDRESS_MAX];

        if (!connect_line_parse(lines[i].text, &line, &err))
            fail_msg("%s", err.text);
        connect_line_host(&line, host, sizeof(host));
        assert_string_equal(host, lines[i].host);
        assert_int_equal(line.tls, lines[i].tls);
        assert_string_equal(line.address, lines[i].address);
        assert_int_equal(line.weight, lines[i].weight);
        assert_int_equal(line.backup, lines[i].backup);
    }
}

static void tls_to_the_backend_is_verified_unless_told(void **state)
{
    struct settings *settings =
        parse("backend_ca = /ca\nbackend_cert = /c\nbackend_key = /k\n"
              "[a]\naccept = 1\nconnect = tls:b:443\n"
              "[b]\naccept = 2\nconnect = tls:b:443\nbackend_cert = /own\n"
              "backend_verify = off\n"
              "[c]\naccept = 3\n");
    char *text = settings_print(settings);
    struct settings *again = parse(text);

    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct service_settings *s = (i == 0 ? settings : again)->services;

        assert_true(s[0].backend_verify);
        assert_string_equal(s[0].backend_ca, "/ca");
        assert_string_equal(s[0].backend_key, "/k");
        assert_string_equal(s[0].backend_name, "");
        assert_false(s[1].backend_verify);
        assert_string_equal(s[1].backend_cert, "/own");
        assert_string_equal(s[1].backend_key, ""); /* it is in /own */
    }
    assert_string_equal(again->services[2].backend_ca, "auto"); /* has no use for it */
    settings_free(again);
    free(text);
    settings_free(settings);
}

static void a_health_check_is_a_request_and_statuses(void **state)
{
    struct health health;
    struct error err;

    (void)state;
    assert_true(health_parse("HEAD  /x", &health, &err));
    assert_int_equal(health.kind, HEALTH_REQUEST);
    assert_int_equal(health.method_len, 4);
    assert_string_equal(health.target, "/x");
    assert_true(health_parse("connect", &health, &err));
    assert_int_equal(health.kind, HEALTH_CONNECT);
    for (unsigned status = 100; status < 700; status++)
        assert_int_equal(health_statuses_have("200-204,401,500-599", status),
            (status >= 200 && status <= 204) || status == 401 ||
                (status >= 500 && status <= 599));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_line_is_an_address_and_what_follows),
        cmocka_unit_test(tls_to_the_backend_is_verified_unless_told),
        cmocka_unit_test(a_health_check_is_a_request_and_statuses),
        cmocka_unit_test(without_a_file_the_appliance_is_served),
        cmocka_unit_test(the_control_socket_of_a_broken_file_is_found),
        cmocka_unit_test(every_part_of_the_syntax_is_understood),
        cmocka_unit_test(long_lists_of_ciphers_fit_a_line),
        cmocka_unit_test(units_are_what_they_say),
        cmocka_unit_test(services_inherit_what_stands_before_them),
        cmocka_unit_test(a_merged_file_needs_no_key),
        cmocka_unit_test(services_share_an_address_by_name),
        cmocka_unit_test(printed_settings_read_the_same),
        cmocka_unit_test(every_option_can_be_written_as_it_is_printed),
        cmocka_unit_test(each_table_names_each_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
