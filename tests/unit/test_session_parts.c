#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/parser.h"
#include "proxy/session/access_log.h"
#include "proxy/session/error_status.h"
#include "proxy/session/log_rate_limit.h"
#include "proxy/session/pace.h"
#include "proxy/session/request_id.h"
#include "tests/unit/access_line.h"
#include "tests/unit/document.h"

enum { PERIOD = 60 * 1000 /* ms */ };

/* ---- the pace ---- */

static void a_byte_now_and_then_does_not_hold_a_connection(void **state)
{
    uint64_t stalled = 0;

    (void)state;
    for (int i = 0; i < 12; i++) /* 1 KB each 5 s is 200 bytes/s */
        assert_int_equal(stalled = pace_stalled(stalled, 5000, 1000, 128), 0);
    for (int i = 0; i < 12; i++)
        stalled = pace_stalled(stalled, 5000, 1, 128);
    assert_in_range(stalled, 59000, 60000);
    assert_int_equal(pace_stalled(stalled, 5000, 128, 128), stalled + 4000);
    assert_int_equal(pace_stalled(stalled, 5000, SIZE_MAX, 128), 0);
    assert_int_equal(pace_stalled(stalled, 5000, 1, 0), 0);
    assert_int_equal(pace_stalled(stalled, 5000, 0, 0), stalled + 5000);
}

static void a_trickle_is_too_slow_only_after_the_grace_period(void **state)
{
    struct pace pace;

    (void)state;
    pace_restart(&pace, 1000);
    pace.bytes += 2;
    assert_true(pace_keeps(&pace, 100, PERIOD, 2000));
    assert_true(pace_keeps(&pace, 100, PERIOD, 1000 + PERIOD - 1));
    assert_false(pace_keeps(&pace, 100, PERIOD, 1000 + PERIOD));
}

static void each_period_is_judged_by_itself(void **state)
{
    struct pace pace;

    (void)state;
    pace_restart(&pace, 0);
    pace.bytes += 1000000;
    assert_true(pace_keeps(&pace, 100, PERIOD, 5));
    assert_true(pace_keeps(&pace, 100, PERIOD, PERIOD));
    pace.bytes += 10;
    assert_false(pace_keeps(&pace, 100, PERIOD, 2 * PERIOD));
}

static void no_rate_means_no_judgement(void **state)
{
    struct pace pace;

    (void)state;
    pace_restart(&pace, 0);
    assert_true(pace_keeps(&pace, 0, PERIOD, 100 * PERIOD));
}

/* ---- log rate limit ---- */

static void a_flood_is_suppressed_in_the_log_and_counted(void **state)
{
    static struct log_rate_limit limit;
    int allowed = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        allowed += log_rate_limit_allow(&limit, END_HANDSHAKE_FAILED, 1000000);
    assert_int_equal(allowed, LOG_LIMIT_BURST);
    assert_true(log_rate_limit_allow(&limit, END_BAD_REQUEST, 1000000));
    assert_int_equal(log_rate_limit_take_suppressed(&limit, END_HANDSHAKE_FAILED),
        1000 - LOG_LIMIT_BURST);
    assert_int_equal(log_rate_limit_take_suppressed(&limit, END_HANDSHAKE_FAILED), 0);
    assert_true(log_rate_limit_allow(&limit, END_HANDSHAKE_FAILED, 1000000 + 1000));
}

static void a_steady_flood_gets_all_lines_of_its_rate(void **state)
{
    static struct log_rate_limit limit;
    const uint64_t start = 1000000, step = 399; /* ms: almost two lines' time */
    int allowed = 0;

    (void)state;
    for (int i = 0; i < LOG_LIMIT_BURST; i++)
        assert_true(log_rate_limit_allow(&limit, END_DENIED, start));
    for (uint64_t i = 1; i <= 100; i++)
        for (int k = 0; k < 3; k++)
            allowed += log_rate_limit_allow(&limit, END_DENIED, start + i * step);
    assert_in_range(allowed, 100 * step * LOG_LIMIT_PER_SECOND / 1000 - 1,
        100 * step * LOG_LIMIT_PER_SECOND / 1000);
}

/* ---- our own replies ---- */

static void our_own_replies_never_speak_of_passwords(void **state)
{
    (void)state;
    for (int reason = 0; reason < END_REASON_COUNT; reason++) {
        const struct error_status *reply = error_status_of((enum end_reason)reason);

        assert_true(reply->status >= 400 && reply->status <= 504);
        assert_true(reply->status != 401 && reply->status != 403);
        assert_true(strlen(reply->text) > 10);
    }
}

static void our_own_replies_are_documented(void **state)
{
    const char *text = document_text(DOCS "/replies.md");
    char row[256];

    (void)state;
    for (int i = 0; i < END_REASON_COUNT; i++) {
        enum end_reason reason = (enum end_reason)i;
        const struct error_status *reply = error_status_of(reason);
        bool other = reply == error_status_of(END_INTERNAL);

        snprintf(row, sizeof(row), "| %s%s%s | %u | %s |", other ? "" : "`",
            other ? "any other" : end_reason_text(reason), other ? "" : "`",
            reply->status, reply->text);
        assert_non_null(strstr(text, row));
    }
}

/* ---- the access log ---- */

static struct span as_span(const char *text)
{
    return (struct span){text, strlen(text)};
}

static struct access_entry entry_of_a_request(void)
{
    return (struct access_entry){
        .when = {.tv_sec = 1000000000, .tv_nsec = 5000000},
        .conn = 17,
        .in = 1200,
        .out = 64000,
        .ms = 812,
        .first_byte_ms = 800,
        .backend_ms = ACCESS_NO_TIME,
        .id = "0123456789abcdef",
        .peer = "192.0.2.7:5000",
        .service = "wlb",
        .backend = "",
        .tls = "TLSv1.2",
        .cipher = "ECDHE-RSA-AES256-GCM-SHA384",
        .group = "P-384",
        .status = 200,
        .reason = END_DONE,
        .sample = 10,
        .read = true,
        .minor = 1,
        .sni = as_span("wlb.example.com"),
        .cert = as_span(""),
        .method = as_span("POST"),
        .target = as_span("/a\"b\\c?q=1"),
        .host = as_span("wlb.example.com"),
        .agent = as_span("evil\xff\tagent\""),
    };
}

static void an_access_line_quotes_what_came_from_outside(void **state)
{
    static const char *const expected[] = {
        [LOG_FORMAT_TEXT] =
            "2001-09-09T01:46:40.005Z conn=17 id=0123456789abcdef peer=192.0.2.7:5000 "
            "service=wlb status=200 reason=done sample=10 in=1200 out=64000 ms=812 "
            "first_byte_ms=800 backend_ms=- backend=- tls=TLSv1.2 "
            "cipher=ECDHE-RSA-AES256-GCM-SHA384 group=P-384 version=1.1 "
            "sni=\"wlb.example.com\" cert=\"\" method=\"POST\" "
            "target=\"/a\\\"b\\\\c?q=1\" host=\"wlb.example.com\" "
            "agent=\"evil\\u00ff\\u0009agent\\\"\"",
        [LOG_FORMAT_JSON] =
            "{\"time\":\"2001-09-09T01:46:40.005Z\",\"conn\":17,"
            "\"id\":\"0123456789abcdef\",\"peer\":\"192.0.2.7:5000\","
            "\"service\":\"wlb\",\"status\":200,\"reason\":\"done\",\"sample\":10,\"in\":"
            "1200,"
            "\"out\":64000,\"ms\":812,\"first_byte_ms\":800,\"backend_ms\":null,"
            "\"backend\":\"\",\"tls\":\"TLSv1.2\","
            "\"cipher\":\"ECDHE-RSA-AES256-GCM-SHA384\",\"group\":\"P-384\","
            "\"version\":\"1.1\",\"sni\":\"wlb.example.com\",\"cert\":\"\","
            "\"method\":\"POST\",\"target\":\"/a\\\"b\\\\c?q=1\","
            "\"host\":\"wlb.example.com\",\"agent\":\"evil\\u00ff\\u0009agent\\\"\"}",
    };
    struct access_entry entry = entry_of_a_request();

    (void)state;
    for (int how = LOG_FORMAT_TEXT; how <= LOG_FORMAT_JSON; how++) {
        struct buffer out = {0};

        access_format(&out, (enum log_format)how, &entry);
        buffer_append(&out, "", 1);
        assert_string_equal(buffer_data(&out), expected[how]);
        buffer_destroy(&out);
    }
}

/* Values are read eight bytes at a time, and byte by byte at their ends. */
static void each_byte_is_escaped_wherever_it_stands(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 20; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            struct access_entry entry = entry_of_a_request();
            char agent[20], wanted[64], escaped[8] = {(char)byte};
            struct buffer out = {0};

            memset(agent, 'z', sizeof(agent));
            agent[at] = (char)byte;
            entry.agent = (struct span){agent, sizeof(agent)};
            if (byte == '"' || byte == '\\')
                snprintf(escaped, sizeof(escaped), "\\%c", (int)byte);
            else if (byte < ' ' || byte > '~')
                snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
            snprintf(wanted, sizeof(wanted), " agent=\"%.*s%s%.*s\"", (int)at,
                "zzzzzzzzzzzzzzzzzzzz", escaped, (int)(19 - at), "zzzzzzzzzzzzzzzzzzzz");
            access_format(&out, LOG_FORMAT_TEXT, &entry);
            buffer_append(&out, "", 1);
            assert_string_equal(strstr(buffer_data(&out), " agent="), wanted);
            buffer_destroy(&out);
        }
    }
}

/* A regression: 660 bytes of 0xff as User-Agent pushed the status out of the line. */
static void every_access_line_is_whole_whatever_a_client_sends(void **state)
{
    static const char fillers[] = "\xff\"\\a \n\x01\x7f=";
    static char text[8192];

    (void)state;
    for (size_t i = 0; i < sizeof(fillers); i++) { /* with its NUL */
        struct access_entry entry = entry_of_a_request();

        for (size_t len = 0; len < sizeof(text); len = 2 * len + 1) {
            struct span span = {text, len};

            memset(text, fillers[i], sizeof(text) - 1);
            entry.sni = entry.cert = entry.method = entry.target = entry.host =
                entry.agent = span;
            text[len] = '\0';
            entry.service = entry.backend = text;
            entry.conn = entry.in = entry.out = entry.ms = UINT64_MAX;
            entry.first_byte_ms = entry.backend_ms = INT64_MAX;
            access_check(&entry, LOG_FORMAT_TEXT);
            access_check(&entry, LOG_FORMAT_JSON);
        }
    }
}

static void every_value_of_an_access_line_is_documented(void **state)
{
    const char *text = document_text(DOCS "/access-log.md");
    char row[64];

    (void)state;
    for (size_t i = 0; i < ACCESS_NAMES; i++) {
        snprintf(row, sizeof(row), "\n| `%s` |", access_names[i]);
        assert_non_null(strstr(text, row));
    }
}

/* ---- the request's id ---- */

static struct request_id id_of(const char *fields)
{
    struct parser_limits limits = {.max_head = 32768};
    struct parser *p = parser_new(PARSER_REQUEST, &limits);
    char text[512];
    const char *bytes = text, *body;
    size_t body_len;

    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    size_t len = strlen(text);
    assert_int_equal(parser_next(p, &bytes, &len, &body, &body_len), PARSE_HEAD);
    struct request_id id = request_id_of(parser_head(p));
    parser_free(p);
    return id;
}

static void a_usable_request_id_is_kept_and_any_other_replaced(void **state)
{
    static const char *const usable[] = {"12345678", "a.b-c_d.0",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    static const char *const others[] = {"", "X-Request-Id: 1234567\r\n",
        /* One character too long. The brackets tell clang that no comma is missing. */
        ("X-Request-Id: "
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\r\n"),
        "X-Request-Id: 12345678\r\nX-Request-Id: 12345678\r\n",
        "X-Request-Id: 1234 5678\r\n", "X-Request-Id: 12345678\"\r\n",
        "X_Request_Id: 12345678\r\n", "X-Request-Id: 1234567\xff\r\n"};
    char fields[128], last[REQUEST_ID_MAX + 1] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(usable) / sizeof(usable[0]); i++) {
        snprintf(fields, sizeof(fields), "x-request-id: %s\r\n", usable[i]);
        assert_string_equal(id_of(fields).text, usable[i]);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct request_id id = id_of(others[i]);

        assert_int_equal(strspn(id.text, "0123456789abcdef"), 32);
        assert_int_equal(strlen(id.text), 32);
        assert_string_not_equal(id.text, last);
        memcpy(last, id.text, sizeof(last));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_now_and_then_does_not_hold_a_connection),
        cmocka_unit_test(a_trickle_is_too_slow_only_after_the_grace_period),
        cmocka_unit_test(each_period_is_judged_by_itself),
        cmocka_unit_test(no_rate_means_no_judgement),
        cmocka_unit_test(a_flood_is_suppressed_in_the_log_and_counted),
        cmocka_unit_test(a_steady_flood_gets_all_lines_of_its_rate),
        cmocka_unit_test(our_own_replies_never_speak_of_passwords),
        cmocka_unit_test(our_own_replies_are_documented),
        cmocka_unit_test(an_access_line_quotes_what_came_from_outside),
        cmocka_unit_test(each_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(every_access_line_is_whole_whatever_a_client_sends),
        cmocka_unit_test(every_value_of_an_access_line_is_documented),
        cmocka_unit_test(a_usable_request_id_is_kept_and_any_other_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
