/* The answers of wlbproxy-admin, which are pure functions of the status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/admin/answer.h"
#include "proxy/admin/exposition.h"
#include "proxy/admin/ready.h"
#include "proxy/admin/time_text.h"
#include "proxy/base/buffer.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"

#define CERTIFICATE                                                                      \
    "{\"file\": \"/a.pem\", \"serial\": \"0A\", \"not_before\": "                        \
    "\"2026-01-01T00:00:00Z\","                                                          \
    " \"not_after\": \"2027-01-01T00:00:00Z\"}"

static const char good[] =
    "{\"version\": \"1\", \"crypto\": \"a\\\"b\\\\c\\nd\", \"generation\": 3,"
    " \"reload_pending\": false, \"last_reload\": {\"ok\": true, \"when\": null},"
    " \"counters\": {\"requests\": 7, \"bytes_from_clients\": 90},"
    " \"latency\": {\"handshake\": {\"count\": 9, \"sum\": 1.5, \"buckets\":"
    "   {\"0.001\": 4, \"+Inf\": 9}}},"
    " \"responses\": {\"wlb\": {\"GET\": {\"2xx\": 6}}},"
    " \"tls\": {\"versions\": {\"TLSv1.3\": 5, \"TLSv1.2\": 2}},"
    " \"workers\": [{\"worker\": 0, \"answers\": true, \"restarts\": 1},"
    "               {\"worker\": 1, \"answers\": false, \"restarts\": 0}],"
    " \"services\": [{\"name\": \"wlb\", \"certificates\": [" CERTIFICATE ", " CERTIFICATE
    "], \"backends\": [{\"address\": \"x\", \"up\": false}, {\"address\": \"y\", \"up\": "
    "true}]}]}";

enum { IN_2025 = 1760000000, IN_2026 = 1780000000, IN_2027 = 1800000000 };

static json_t *status_of(const char *text)
{
    json_t *status = json_loads(text, 0, NULL);

    assert_non_null(status);
    return status;
}

/* The text between two marks is in the other buffer; NUL-terminated. */
static const char *text_of(struct buffer *b)
{
    buffer_append(b, "", 1);
    return buffer_data(b);
}

static void expect(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("not there: %s\n%s\n", part, text);
        fail();
    }
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        found++;
    return found;
}

static void values_come_from_their_paths(void **state)
{
    json_t *status = status_of(good);
    struct buffer out = {0};
    const char *text;

    (void)state;
    exposition_write(&out, EXPOSITION_OPENMETRICS, status);
    text = text_of(&out);
    expect(text, "# TYPE wlbproxy_requests counter\nwlbproxy_requests_total 7\n");
    expect(text,
        "# UNIT wlbproxy_client_received_bytes bytes\n"
        "wlbproxy_client_received_bytes_total 90\n");
    expect(text,
        "# TYPE wlbproxy_handshake_seconds histogram\n"
        "# UNIT wlbproxy_handshake_seconds seconds\n"
        "wlbproxy_handshake_seconds_bucket{le=\"0.001\"} 4\n"
        "wlbproxy_handshake_seconds_bucket{le=\"+Inf\"} 9\n"
        "wlbproxy_handshake_seconds_sum 1.5\nwlbproxy_handshake_seconds_count 9\n");
    expect(text,
        "wlbproxy_responses_total{service=\"wlb\",method=\"GET\",code=\"2xx\"} 6\n");
    expect(text, "wlbproxy_handshakes_by_version_total{version=\"TLSv1.3\"} 5\n");
    expect(
        text, "wlbproxy_worker_up{worker=\"0\"} 1\nwlbproxy_worker_up{worker=\"1\"} 0\n");
    expect(text, "# TYPE wlbproxy_generation gauge\nwlbproxy_generation 3\n");
    expect(text, "wlbproxy_last_reload_success 1\n");
    expect(text,
        "wlbproxy_certificate_not_after_timestamp_seconds{service=\"wlb\","
        "file=\"/a.pem\",serial=\"0A\"} 1798761600\n");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    assert_null(strstr(text, "last_reload_timestamp")); /* null: no value */
    assert_null(strstr(text, "signer")); /* there is none */
    json_decref(status);
    buffer_destroy(&out);
}

static void labels_are_escaped_and_bounded(void **state)
{
    json_t *status = status_of(good);
    struct buffer out = {0}, longer = {0};
    char name[2000];

    (void)state;
    exposition_write(&out, EXPOSITION_PROMETHEUS, status);
    expect(text_of(&out),
        "# TYPE wlbproxy_build_info gauge\n"
        "wlbproxy_build_info{version=\"1\",crypto=\"a\\\"b\\\\c\\nd\"} 1\n");
    assert_null(strstr(buffer_data(&out), "# EOF"));
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name + 199, "\xc3\xa9", 2); /* one character across the bound */
    json_object_set_new(status, "version", json_string(name));
    exposition_write(&longer, EXPOSITION_PROMETHEUS, status);
    assert_true(strlen(strstr(text_of(&longer), "build_info{") + 11) > 199);
    expect(buffer_data(&longer), "xxx\",crypto=");
    assert_null(strstr(buffer_data(&longer), "\xc3"));
    json_decref(status);
    buffer_destroy(&out);
    buffer_destroy(&longer);
}

static void no_sample_comes_twice(void **state)
{
    json_t *status = status_of(good);
    struct buffer out = {0};

    (void)state;
    exposition_write(&out, EXPOSITION_PROMETHEUS, status);
    assert_int_equal(count(text_of(&out), "not_after_timestamp_seconds{"), 1);
    json_decref(status);
    buffer_destroy(&out);
}

static void it_is_ready_when_requests_can_be_served(void **state)
{
    static const struct {
        time_t now;
        const char *from, *to, *reason; /* NULL: ready */
    } cases[] = {
        {IN_2026, "", "", NULL},
        {IN_2025, "", "",
            "service wlb: the certificate in /a.pem is not valid before 2026"},
        {IN_2027, "", "", "service wlb: the certificate in /a.pem has expired: 2027"},
        {IN_2026, "\"answers\": true", "\"answers\":false", "no worker answers\n"},
        {IN_2026, "\"up\": true", "\"up\":false",
            "service wlb: no backend is up\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[sizeof(good)];
        struct buffer reasons = {0};
        char *at;
        json_t *status;

        strcpy(text, good);
        at = strstr(text, cases[i].from);
        if (*cases[i].from != '\0') {
            memset(at, ' ', strlen(cases[i].from));
            memcpy(at, cases[i].to, strlen(cases[i].to));
        }
        status = status_of(text);
        assert_int_equal(
            ready_judge(status, cases[i].now, &reasons), cases[i].reason == NULL);
        expect(text_of(&reasons), cases[i].reason != NULL ? cases[i].reason : "");
        json_decref(status);
        buffer_destroy(&reasons);
    }
}

static void times_are_seconds(void **state)
{
    time_t when;

    (void)state;
    assert_true(time_from_text("1970-01-02T00:00:01Z", &when));
    assert_int_equal(when, 86401);
    assert_false(time_from_text("1970-01-02", &when));
    assert_false(time_from_text("1970-01-02T00:00:01Z ", &when));
    assert_false(time_from_text("", &when));
}

static struct answer_request request(const char *line)
{
    const struct parser_limits limits = {.max_head = 8192};
    struct parser *parser = parser_new(PARSER_REQUEST, &limits);
    char text[512];
    const char *at = text, *body;
    size_t len, body_len;
    struct answer_request asked;

    snprintf(text, sizeof(text), "%s\r\nHost: a\r\n\r\n", line);
    len = strlen(text);
    assert_int_equal(parser_next(parser, &at, &len, &body, &body_len), PARSE_HEAD);
    asked = answer_request_of(parser_head(parser));
    parser_free(parser);
    return asked;
}

static void each_path_has_its_answer(void **state)
{
    static const struct {
        const char *line, *status, *part;
        bool silent; /* the master is silent */
    } cases[] = {
        {"GET /healthz HTTP/1.1", "200 OK", "\r\n\r\nok\n", true},
        {"GET /readyz HTTP/1.1", "200 OK", "\r\n\r\nready\n", false},
        {"GET /readyz?x HTTP/1.1", "503 Service Unavailable", "master does not", true},
        {"GET /metrics HTTP/1.1", "200 OK", "text/plain; version=0.0.4", false},
        {"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0",
            "200 OK", "application/openmetrics-text; version=1.0.0", false},
        {"GET /metrics HTTP/1.1", "503 Service Unavailable", "master does not", true},
        {"GET /status.json HTTP/1.1", "200 OK", "\"generation\":3", false},
        {"GET / HTTP/1.1", "200 OK", "script-src 'sha256-", true},
        {"GET / HTTP/1.1", "200 OK", "<!doctype html>", true},
        {"GET /nothing HTTP/1.1", "404 Not Found", "there are", false},
        {"GET /metricsx HTTP/1.1", "404 Not Found", "there are", false},
        {"DELETE /metrics HTTP/1.1", "405 Method Not Allowed", "Allow: GET, HEAD", false},
    };
    json_t *status = status_of(good);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer_request asked = request(cases[i].line);
        struct buffer out = {0};

        answer_write(&out, &asked, cases[i].silent ? NULL : status, IN_2026);
        expect(text_of(&out), cases[i].status);
        expect(buffer_data(&out), cases[i].part);
        expect(buffer_data(&out), "Connection: close\r\n");
        buffer_destroy(&out);
    }
    json_decref(status);
}

static void head_has_no_body(void **state)
{
    struct answer_request asked = request("HEAD /healthz HTTP/1.1");
    struct buffer out = {0};
    const char *text;

    (void)state;
    answer_write(&out, &asked, NULL, IN_2026);
    text = text_of(&out);
    expect(text, "Content-Length: 3\r\n");
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
    buffer_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_from_their_paths),
        cmocka_unit_test(labels_are_escaped_and_bounded),
        cmocka_unit_test(no_sample_comes_twice),
        cmocka_unit_test(it_is_ready_when_requests_can_be_served),
        cmocka_unit_test(times_are_seconds),
        cmocka_unit_test(each_path_has_its_answer),
        cmocka_unit_test(head_has_no_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
