#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/base/buffer.h"
#include "proxy/http/forward.h"
#include "proxy/http/parser.h"

static struct parser *parser;
static struct buffer out;

static const struct head *parse(enum parser_kind kind, const char *text, bool to_head)
{
    struct parser_limits limits = {32768};
    size_t len = strlen(text), body_len;
    const char *body;

    parser_free(parser);
    parser = parser_new(kind, &limits);
    if (kind == PARSER_RESPONSE)
        parser_expect_response(parser, to_head, true);
    assert_int_equal(parser_next(parser, &text, &len, &body, &body_len), PARSE_HEAD);
    return parser_head(parser);
}

static const char *text_of(struct buffer *b)
{
    buffer_append(b, "", 1);
    return buffer_data(b);
}

static struct framing request(const char *text, const struct forward_request *how)
{
    buffer_clear(&out);
    return forward_request(parse(PARSER_REQUEST, text, false), how, &out);
}

static const struct forward_request plain = {.client_ip = "192.0.2.7"};
static const struct forward_request forwarded = {
    .facts = FORWARD_OURS, .client_ip = "192.0.2.7"};

static void a_request_keeps_its_fields_order_and_case(void **state)
{
    (void)state;
    struct framing framing = request("POST /Service HTTP/1.1\r\n"
                                     "content-length: 005\r\n"
                                     "user-agent: xapi/26.17\r\n"
                                     "connection: close\r\n"
                                     "SOAPAction:  \"http://x/GetDiagnostics\" \r\n"
                                     "Content-Type: text/xml; charset=utf-8\r\n"
                                     "Authorization: Basic dTpw\r\n"
                                     "Host: fe80::1\r\n\r\n",
        &forwarded);

    assert_string_equal(text_of(&out),
        "POST /Service HTTP/1.1\r\n"
        "user-agent: xapi/26.17\r\n"
        "SOAPAction: \"http://x/GetDiagnostics\"\r\n"
        "Content-Type: text/xml; charset=utf-8\r\n"
        "Authorization: Basic dTpw\r\n"
        "Host: fe80::1\r\n"
        "Content-Length: 5\r\n"
        "X-Forwarded-For: 192.0.2.7\r\n"
        "X-Forwarded-Proto: https\r\n"
        "X-Forwarded-Host: fe80::1\r\n"
        "Forwarded: for=192.0.2.7;host=\"fe80::1\";proto=https\r\n"
        "Via: 1.1 wlbproxy\r\n"
        "Connection: close\r\n\r\n");
    assert_int_equal(framing.kind, BODY_LENGTH);
    assert_int_equal(framing.left, 5);
}

static void a_post_without_a_length_has_one_of_zero(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        (void)snprintf(
            text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
        request(text, &plain);
        assert_non_null(strstr(text_of(&out), "\r\nContent-Length: 0\r\n"));
    }
    request("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", &plain);
    assert_null(strstr(text_of(&out), "Content-Length"));
}

static void fields_that_end_here_are_not_passed_on(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n"
            "x-mine: 2\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n"
            "Trailer: X\r\nUpgrade: h2c\r\nProxy-Authorization: Basic eA==\r\n"
            "Expect: 100-continue\r\nX-Client-Cert-Verify: SUCCESS\r\n"
            "X_CLIENT_CERT_SUBJECT: CN=root\r\nX-Other: stays\r\n\r\n",
        &plain);
    assert_string_equal(text_of(&out),
        "GET / HTTP/1.1\r\nHost: a\r\nX-Other: stays\r\nConnection: close\r\n\r\n");
}

static void a_clients_facts_about_itself_are_replaced(void **state)
{
    static const char text[] =
        "GET / HTTP/1.1\r\nHost: a:8012\r\nX-Forwarded-For: 1.2.3.4\r\n"
        "Forwarded: for=1.2.3.4\r\nX-FORWARDED-PORT: 1\r\n"
        "X_Forwarded_Host: evil\r\n\r\n";
    struct forward_request how = forwarded;

    (void)state;
    how.client_ip = "fe80::1%eth0";
    how.keep_alive = true;
    request(text, &how);
    assert_string_equal(text_of(&out),
        "GET / HTTP/1.1\r\nHost: a:8012\r\n"
        "X-Forwarded-For: fe80::1\r\nX-Forwarded-Proto: https\r\n"
        "X-Forwarded-Host: a:8012\r\n"
        "Forwarded: for=\"[fe80::1]\";host=\"a:8012\";proto=https\r\n"
        "Via: 1.1 wlbproxy\r\n\r\n");
    request(text, &plain);
    assert_non_null(
        strstr(text_of(&out), "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4"));
    assert_null(strstr(text_of(&out), "Via"));
}

/* Some server or framework reads each of these as a proxy's statement about the client,
 * its TLS or the requested target. */
static void fields_of_proxies_are_removed_from_a_client(void **state)
{
    static const char *const names[] = {"Proxy", "X-Real-IP", "X-Real-Port",
        "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6",
        "X-Cluster-Client-IP", "X-SSL-Client-Verify", "X-SSL-Cipher", "X-Original-URL",
        "X-Original-Host", "X-Rewrite-URL", "x_real_ip", "X.SSL.Client.Cert",
        "X_REWRITE_URL", "Client-IP", "Proxy-Client-IP", "WL-Proxy-Client-IP",
        "WL-Proxy-SSL", "Remote-Addr", "X-Remote-Addr", "X-Remote-IP", "X-Originating-IP",
        "X-Forwarded", "Forwarded-For", "X-Forward-For", "X-Forwarded-User",
        "Fastly-Client-IP", "X-ProxyUser-Ip", "X-Azure-ClientIP", "X-Appengine-User-IP",
        "X-Envoy-External-Address", "X-Envoy-Original-Path", "Front-End-Https",
        "X-Url-Scheme", "X-Scheme", "X-Host", "X-HTTP-Host-Override", "X-Override-URL",
        "X-ARR-SSL", "X-ARR-ClientCert", "SSL-Client-Cert", "X-Client-Cert",
        "X-Client-DN", "X-Client-Verify", "X-Amzn-Mtls-Clientcert", "Remote-User",
        "X-Remote-User"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: claim\r\n\r\n",
            names[i]);
        request(text, &forwarded);
        if (strstr(text_of(&out), "claim") != NULL)
            fail_msg("%s was passed on", names[i]);
        request(text, &plain);
        if (strstr(text_of(&out), "claim") == NULL)
            fail_msg("%s was removed, and nothing put in its place", names[i]);
    }
}

static void a_trusted_proxys_fields_are_added_to(void **state)
{
    struct forward_request how = forwarded;

    (void)state;
    how.facts = FORWARD_BOTH;
    how.request_id = "0123456789";
    request("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: a\r\nForwarded: for=a\r\n"
            "x-forwarded-for: b\r\nX-Forwarded-For:\r\nX-Forwarded-Proto: http\r\n"
            "X-Real-IP: a\r\nX-Request-Id: 0123456789\r\nProxy: a\r\n\r\n",
        &how);
    assert_string_equal(text_of(&out),
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: http\r\n"
        "X-Forwarded-For: a, b, 192.0.2.7\r\nX-Forwarded-Host: h\r\n"
        "Forwarded: for=a, for=192.0.2.7;host=\"h\";proto=https\r\n"
        "X-Request-Id: 0123456789\r\nVia: 1.1 wlbproxy\r\nConnection: close\r\n\r\n");
}

static void names_that_only_look_alike_are_passed_on(void **state)
{
    static const char *const names[] = {"X-Realm", "X-SSL", "X-Originals", "Proxy-Id",
        "X-Requested-With", "X-Client", "Client", "X-Hosts", "X-HTTP-Method-Override"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s: claim\r\n\r\n",
            names[i]);
        request(text, &forwarded);
        if (strstr(text_of(&out), "claim") == NULL)
            fail_msg("%s was removed", names[i]);
    }
}

/* RFC 9440, 2.4: a proxy that does not set them removes them. */
static void a_certificate_that_a_client_tells_of_is_never_passed_on(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\nHost: a\r\nClient-Cert: :claim:\r\n"
            "Client_Cert_Chain: :claim:\r\n\r\n",
        &plain);
    assert_null(strstr(text_of(&out), "claim"));
}

static void a_request_says_by_which_way_it_came(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 proxy.example\r\n\r\n", &forwarded);
    assert_non_null(strstr(text_of(&out), "\r\nVia: 1.1 proxy.example\r\n"));
    assert_non_null(strstr(text_of(&out), "\r\nVia: 1.1 wlbproxy\r\n"));
    request("GET / HTTP/1.0\r\nHost: a\r\n\r\n", &forwarded);
    assert_non_null(strstr(text_of(&out), "\r\nVia: 1.0 wlbproxy\r\n"));
}

static void a_certificate_is_told_without_bytes_that_a_field_may_not_hold(void **state)
{
    struct forward_request how = plain;

    (void)state;
    how.cert_asked = true;
    request("GET / HTTP/1.1\r\nHost: a\r\nX-Client-Cert-Verify: x\r\n\r\n", &how);
    assert_non_null(
        strstr(text_of(&out), "a\r\nX-Client-Cert-Verify: NONE\r\nConnection"));
    how.cert_subject = "CN=a b\r\nX: \xc3\xa4,O=\\x";
    how.cert_sha256 = "00ff";
    request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &how);
    assert_non_null(strstr(text_of(&out),
        "X-Client-Cert-Verify: SUCCESS\r\n"
        "X-Client-Cert-Subject: CN=a b\\0d\\0aX: \\c3\\a4,O=\\x\r\n"
        "X-Client-Cert-SHA256: 00ff\r\n"));
}

static void an_absolute_target_becomes_origin_form(void **state)
{
    static const struct {
        const char *line, *host, *expected;
    } cases[] = {
        {"GET http://a/x?y", "a", "GET /x?y HTTP/1.1\r\nHost: a\r\n"},
        {"GET http://a", "a", "GET / HTTP/1.1\r\nHost: a\r\n"},
        {"GET https://a?y", "a:443", "GET /?y HTTP/1.1\r\nHost: a:443\r\n"},
        {"OPTIONS http://a", "a", "OPTIONS * HTTP/1.1\r\nHost: a\r\n"},
        {"OPTIONS *", "a", "OPTIONS * HTTP/1.1\r\nHost: a\r\n"},
        {"GET http://a:/x", "a", "GET /x HTTP/1.1\r\nHost: a\r\n"},
        {"GET http://a:80/x", "a:", "GET /x HTTP/1.1\r\nHost: a\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer text;
        buffer_init(&text);
        buffer_printf(
            &text, "%s HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].line, cases[i].host);
        request(text_of(&text), &plain);
        assert_memory_equal(text_of(&out), cases[i].expected, strlen(cases[i].expected));
        buffer_destroy(&text);
    }
}

static void http_1_0_without_host_stays_what_it_is(void **state)
{
    struct forward_request how = plain;

    (void)state;
    request("GET / HTTP/1.0\r\n\r\n", &how);
    assert_string_equal(text_of(&out), "GET / HTTP/1.0\r\nConnection: close\r\n\r\n");
    how.keep_alive = true;
    request("GET / HTTP/1.0\r\n\r\n", &how);
    assert_string_equal(
        text_of(&out), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    request("GET http://b?q HTTP/1.0\r\n\r\n", &how);
    assert_string_equal(text_of(&out), "GET /?q HTTP/1.1\r\nHost: b\r\n\r\n");
    request("GET http://b:?q HTTP/1.0\r\n\r\n", &how);
    assert_string_equal(text_of(&out), "GET /?q HTTP/1.1\r\nHost: b\r\n\r\n");
}

/* RFC 3986, 3.2.3: who normalises leaves out the colon of an empty port. */
static void every_field_shows_a_host_with_an_empty_port_alike(void **state)
{
    (void)state;
    request("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", &forwarded);
    assert_non_null(strstr(text_of(&out), "\r\nHost: a\r\n"));
    assert_non_null(strstr(text_of(&out), "\r\nX-Forwarded-Host: a\r\n"));
    assert_non_null(strstr(text_of(&out), ";host=\"a\";"));
    request("GET / HTTP/1.1\r\nHost: [::1]:\r\n\r\n", &plain);
    assert_non_null(strstr(text_of(&out), "\r\nHost: [::1]\r\n"));
    request("GET / HTTP/1.1\r\nHost: fe80::\r\n\r\n", &plain);
    assert_non_null(strstr(text_of(&out), "\r\nHost: fe80::\r\n"));
}

static void a_tunnel_is_asked_for_only_where_it_is_allowed(void **state)
{
    static const char text[] = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                               "Upgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n";
    struct forward_request how = plain;

    (void)state;
    request(text, &how);
    assert_null(strstr(text_of(&out), "Upgrade"));
    how.upgrade = true;
    request(text, &how);
    assert_string_equal(text_of(&out),
        "GET /ws HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void a_request_body_keeps_its_framing(void **state)
{
    (void)state;
    struct framing chunked = request("POST / HTTP/1.1\r\nHost: a\r\n"
                                     "transfer-encoding: Chunked\r\n\r\n",
        &plain);
    assert_int_equal(chunked.kind, BODY_CHUNKED);
    assert_non_null(strstr(text_of(&out), "\r\nTransfer-Encoding: chunked\r\n"));
    struct framing none =
        request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &plain);
    assert_int_equal(none.kind, BODY_NONE);
    assert_non_null(strstr(text_of(&out), "\r\nContent-Length: 0\r\n"));
}

#define DATE_0 "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

static const char OK_LENGTH[] = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
static const char OK_CHUNKED[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
static const char OK_TO_END[] = "HTTP/1.0 200 OK\r\n\r\n";

static void a_reply_is_framed_for_what_the_client_will_do(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
        unsigned minor;
        bool to_head;
        enum body_kind kind;
        bool closes;
        const char *expected;
    } cases[] = {
        {OK_LENGTH, true, 1, false, BODY_LENGTH, false, "Content-Length: 7\r\n\r\n"},
        {OK_LENGTH, false, 1, false, BODY_LENGTH, true,
            "Content-Length: 7\r\nConnection: close\r\n\r\n"},
        {OK_LENGTH, true, 0, false, BODY_LENGTH, false,
            "Content-Length: 7\r\nConnection: keep-alive\r\n\r\n"},
        {OK_CHUNKED, true, 1, false, BODY_CHUNKED, false,
            "Transfer-Encoding: chunked\r\n\r\n"},
        {OK_CHUNKED, false, 1, false, BODY_TO_END, true, "Connection: close\r\n\r\n"},
        {OK_CHUNKED, true, 0, false, BODY_TO_END, true, "Connection: close\r\n\r\n"},
        {OK_TO_END, true, 1, false, BODY_CHUNKED, false,
            "Transfer-Encoding: chunked\r\n\r\n"},
        {OK_TO_END, false, 1, false, BODY_TO_END, true, "Connection: close\r\n\r\n"},
        {OK_LENGTH, true, 1, true, BODY_NONE, false, "Content-Length: 7\r\n\r\n"},
        {OK_CHUNKED, true, 1, true, BODY_NONE, false, "\r\n"},
        {OK_CHUNKED, false, 1, true, BODY_NONE, true, "Connection: close\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct forward_response how = {.client_keep_alive = cases[i].keep_alive,
            .client_minor = cases[i].minor,
            .to_head = cases[i].to_head};
        const char status_line[] = "HTTP/1.1 200 OK\r\n" DATE_0;
        bool closes;

        buffer_clear(&out);
        const struct head *head = parse(PARSER_RESPONSE, cases[i].text, cases[i].to_head);
        struct framing framing = forward_response(head, &how, &out, &closes);
        assert_int_equal(framing.kind, cases[i].kind);
        assert_int_equal(closes, cases[i].closes);
        assert_memory_equal(text_of(&out), status_line, strlen(status_line));
        assert_string_equal(buffer_data(&out) + strlen(status_line), cases[i].expected);
    }
}

static const char *response(const char *text, const struct forward_response *how)
{
    bool closes;

    buffer_clear(&out);
    forward_response(parse(PARSER_RESPONSE, text, how->to_head), how, &out, &closes);
    return text_of(&out);
}

static void a_reply_keeps_what_is_not_framing(void **state)
{
    const struct forward_response how = {.client_keep_alive = true, .client_minor = 1};

    (void)state;
    assert_string_equal(
        response("HTTP/1.0 404\r\nserver: Mono\r\nDate: today\r\n"
                 "Keep-Alive: timeout=15\r\nConnection: x-a\r\nX-A: 1\r\n"
                 "Content-Length: 00\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
            &how),
        "HTTP/1.1 404 \r\nserver: Mono\r\nDate: today\r\nSet-Cookie: a\r\n"
        "Set-Cookie: b\r\nContent-Length: 0\r\n\r\n");
    assert_string_equal(
        response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", &how),
        "HTTP/1.1 204 No Content\r\n" DATE_0 "\r\n");
    assert_string_equal(response("HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", &how),
        "HTTP/1.1 304 Same\r\n" DATE_0 "Content-Length: 9\r\n\r\n");
}

static void a_tunnel_that_was_agreed_on_is_passed_on(void **state)
{
    const struct forward_response how = {
        .client_keep_alive = true, .client_minor = 1, .upgrade = true};

    (void)state;
    assert_string_equal(response("HTTP/1.1 101 Go\r\nConnection: upgrade\r\n"
                                 "Upgrade: websocket\r\nSec-WebSocket-Accept: k\r\n\r\n",
                            &how),
        "HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: k\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_null(strstr(response(OK_LENGTH, &how), "Upgrade"));
}

static void a_reply_without_date_says_when_it_came(void **state)
{
    const struct forward_response how = {
        .client_keep_alive = true, .client_minor = 1, .now = 784111777};

    (void)state;
    assert_non_null(
        strstr(response(OK_LENGTH, &how), "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    assert_null(strstr(
        response("HTTP/1.1 200 OK\r\ndate: then\r\nContent-Length: 0\r\n\r\n", &how),
        "Date"));
}

static void each_head_that_announces_bytes_has_one_length(void **state)
{
    const struct forward_response how = {.client_keep_alive = false, .client_minor = 1};
    const char *text = response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                "content-length: 5\r\nA: b\r\nContent-Length: 05\r\n\r\n",
        &how);

    (void)state;
    assert_string_equal(text,
        "HTTP/1.1 200 OK\r\nA: b\r\n" DATE_0
        "Content-Length: 5\r\nConnection: close\r\n\r\n");
}

static int clean_up(void **state)
{
    (void)state;
    parser_free(parser);
    buffer_destroy(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_keeps_its_fields_order_and_case),
        cmocka_unit_test(a_post_without_a_length_has_one_of_zero),
        cmocka_unit_test(fields_that_end_here_are_not_passed_on),
        cmocka_unit_test(a_clients_facts_about_itself_are_replaced),
        cmocka_unit_test(fields_of_proxies_are_removed_from_a_client),
        cmocka_unit_test(a_trusted_proxys_fields_are_added_to),
        cmocka_unit_test(names_that_only_look_alike_are_passed_on),
        cmocka_unit_test(a_certificate_that_a_client_tells_of_is_never_passed_on),
        cmocka_unit_test(a_request_says_by_which_way_it_came),
        cmocka_unit_test(a_certificate_is_told_without_bytes_that_a_field_may_not_hold),
        cmocka_unit_test(an_absolute_target_becomes_origin_form),
        cmocka_unit_test(http_1_0_without_host_stays_what_it_is),
        cmocka_unit_test(every_field_shows_a_host_with_an_empty_port_alike),
        cmocka_unit_test(a_tunnel_is_asked_for_only_where_it_is_allowed),
        cmocka_unit_test(a_request_body_keeps_its_framing),
        cmocka_unit_test(a_reply_is_framed_for_what_the_client_will_do),
        cmocka_unit_test(a_reply_keeps_what_is_not_framing),
        cmocka_unit_test(a_tunnel_that_was_agreed_on_is_passed_on),
        cmocka_unit_test(a_reply_without_date_says_when_it_came),
        cmocka_unit_test(each_head_that_announces_bytes_has_one_length),
    };

    return cmocka_run_group_tests(tests, NULL, clean_up);
}
