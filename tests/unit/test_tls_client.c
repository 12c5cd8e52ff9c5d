/* TLS as a client of a backend: whom it believes, and in which words it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "certstore/certificate.h"
#include "certstore/context.h"
#include "certstore/context_backend.h"
#include "config/settings.h"
#include "proxy/base/buffer.h"
#include "proxy/base/error.h"
#include "proxy/tls/tls_session.h"
#include "tests/unit/pki.h"

enum { PLAIN_MAX = 32 * 1024, ROUNDS = 12 };

/* The backend is OpenSSL's server on memory BIOs. */
static struct {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
} backend;

static struct {
    struct settings *settings;
    SSL_CTX *context;
    struct tls *tls;
    struct buffer out;
    char plain[PLAIN_MAX];
    size_t plain_len;
    int last;
} proxy;

static EVP_PKEY *ca_key;
static X509 *ca;

static long days_from_now(long days)
{
    return (long)((time(NULL) - PKI_NOW) / PKI_DAY) + days;
}

static X509 *make_certificate(const char *names, long from, long to, bool self_signed)
{
    const struct pki_request request = {.subject = "backend",
        .alternative = names,
        .usage = "serverAuth",
        .from_days = days_from_now(from),
        .to_days = days_from_now(to)};

    return pki_certificate(&request, pki_key("EC:P-256", 1), self_signed ? NULL : ca,
        self_signed ? NULL : ca_key);
}

static void begin_backend(X509 *certificate, int version)
{
    backend.context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(backend.context, 0);
    SSL_CTX_set_min_proto_version(backend.context, version);
    SSL_CTX_set_max_proto_version(backend.context, version);
    assert_int_equal(SSL_CTX_use_certificate(backend.context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(backend.context, pki_key("EC:P-256", 1)), 1);
    backend.ssl = SSL_new(backend.context);
    backend.in = BIO_new(BIO_s_mem());
    backend.out = BIO_new(BIO_s_mem());
    SSL_set_bio(backend.ssl, backend.in, backend.out);
    SSL_set_accept_state(backend.ssl);
}

/* `options` of the service; the issuer of make_certificate() is given where any is. */
static void begin_proxy(const char *options, const char *name)
{
    char text[1024];
    struct error err;

    snprintf(text, sizeof(text), "[a]\naccept = 1\nconnect = tls:b:443\n%s", options);
    proxy.settings = settings_parse(text, "test", &err);
    if (proxy.settings == NULL)
        fail_msg("%s", err.text);
    const struct service_settings *service = proxy.settings->services;
    proxy.context = context_backend_new(NULL, service, NULL,
        context_backend_wants_ca(service) ? pki_pem(ca) : NULL, &err);
    if (proxy.context == NULL)
        fail_msg("%s", err.text);
    proxy.tls = tls_client((struct tls_context *)proxy.context, name, &proxy.out);
    proxy.plain_len = 0;
    proxy.last = TLS_NEED_INPUT;
}

static void drain_proxy(void)
{
    int n;

    do {
        n = tls_read(proxy.tls, proxy.plain + proxy.plain_len,
            sizeof(proxy.plain) - proxy.plain_len);
        if (n > 0)
            proxy.plain_len += (size_t)n;
    } while (n > 0 || n == TLS_OPENED);
    proxy.last = n;
}

/* Carries bytes both ways, `step` at a time to the proxy. */
static void settle(size_t step)
{
    for (int i = 0; i < ROUNDS; i++) {
        char *bytes;
        size_t len;

        if (i == 0)
            drain_proxy();
        BIO_write(backend.in, buffer_data(&proxy.out), (int)buffer_len(&proxy.out));
        buffer_clear(&proxy.out);
        (void)SSL_do_handshake(backend.ssl);
        len = (size_t)BIO_get_mem_data(backend.out, &bytes);
        for (size_t at = 0; at < len && proxy.last == TLS_NEED_INPUT; at += step) {
            tls_feed(proxy.tls, bytes + at, at + step <= len ? step : len - at);
            drain_proxy();
        }
        (void)BIO_reset(backend.out);
    }
    ERR_clear_error();
}

static void end(void)
{
    tls_free(proxy.tls);
    context_free(proxy.context);
    settings_free(proxy.settings);
    buffer_destroy(&proxy.out);
    SSL_free(backend.ssl);
    SSL_CTX_free(backend.context);
    ERR_clear_error();
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void bytes_go_both_ways_and_close_notify_is_the_end(void **state)
{
    X509 *certificate = make_certificate("DNS:b", -1, 30, false);
    char said[8] = "";

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        begin_backend(certificate, versions[i % 2]);
        begin_proxy("", "b");
        settle(i < 2 ? 1 : PLAIN_MAX);
        assert_true(proxy.tls->open);
        assert_string_equal(SSL_get_servername(backend.ssl, 0), "b");
        assert_true(tls_write(proxy.tls, "hello", 5));
        assert_int_equal(SSL_write(backend.ssl, "world", 5), 5);
        settle(1);
        assert_int_equal(SSL_read(backend.ssl, said, sizeof(said)), 5);
        assert_memory_equal(said, "hello", 5);
        assert_int_equal(proxy.plain_len, 5);
        assert_memory_equal(proxy.plain, "world", 5);
        (void)SSL_shutdown(backend.ssl);
        settle(1);
        assert_int_equal(proxy.last, TLS_END);
        tls_end(proxy.tls);
        settle(1);
        assert_int_equal(SSL_read(backend.ssl, said, sizeof(said)), 0);
        end();
    }
    X509_free(certificate);
}

/* `told` NULL: it is believed. */
static void expect(
    X509 *certificate, const char *options, const char *name, const char *told)
{
    for (size_t i = 0; i < 2; i++) {
        begin_backend(certificate, versions[i]);
        begin_proxy(options, name);
        settle(PLAIN_MAX);
        assert_int_equal(proxy.tls->open, told == NULL);
        if (told != NULL) {
            assert_int_equal(proxy.last, TLS_FAILED);
            if (strstr(tls_error(proxy.tls), told) == NULL)
                fail_msg("%s: %s", told, tls_error(proxy.tls));
        }
        end();
    }
}

static void a_backend_is_whom_its_certificate_names(void **state)
{
    X509 *named = make_certificate("DNS:b,DNS:*.example.com", -1, 30, false);
    X509 *addressed = make_certificate("IP:192.0.2.1,IP:2001:db8::1", -1, 30, false);
    X509 *nameless = make_certificate(NULL, -1, 30, false); /* CN=backend */

    (void)state;
    expect(named, "", "b", NULL);
    expect(named, "", "B.", NULL);
    expect(named, "", "one.example.com", NULL);
    expect(named, "", "two.one.example.com", "is for b,*.example.com, not for two.one");
    expect(named, "", "example.com", "write backend_name = the name it has");
    expect(named, "", "192.0.2.1", "not for 192.0.2.1");
    expect(addressed, "", "192.0.2.1", NULL);
    expect(addressed, "", "2001:db8::1", NULL);
    expect(addressed, "", "192.0.2.2", "not for 192.0.2.2");
    expect(addressed, "", "b", "not for b");
    expect(nameless, "", "backend", NULL);
    expect(nameless, "", "b", "not for b");
    expect(named, "backend_verify = off\n", "elsewhere", NULL);
    expect(named, "backend_verify = off\n", "", NULL);
    X509_free(named);
    X509_free(addressed);
    X509_free(nameless);
}

static void a_backends_certificate_is_of_today_and_of_a_known_issuer(void **state)
{
    X509 *expired = make_certificate("DNS:b", -20, -10, false);
    X509 *early = make_certificate("DNS:b", 10, 20, false);
    X509 *alone = make_certificate("DNS:b", -1, 30, true);
    EVP_PKEY *key = pki_key("EC:P-256", 7);
    const struct pki_request request = {.subject = "other CA",
        .ca = true,
        .from_days = days_from_now(-1),
        .to_days = days_from_now(30)};
    const struct pki_request of_other = {.subject = "backend",
        .alternative = "DNS:b",
        .from_days = days_from_now(-1),
        .to_days = days_from_now(30)};
    X509 *issuer = pki_certificate(&request, key, NULL, NULL);
    X509 *other = pki_certificate(&of_other, pki_key("EC:P-256", 1), issuer, key);

    (void)state;
    expect(expired, "", "b", "(backend) expired on 2");
    expect(early, "", "b", "(backend) is not valid before 2");
    expect(alone, "", "b", "(backend) is self-signed: compare its SHA-256");
    expect(other, "", "b", "an issuer that backend_ca does not have (CN=other CA)");
    X509_free(expired);
    X509_free(early);
    X509_free(alone);
    X509_free(other);
    X509_free(issuer);
}

static void a_pin_is_a_certificate_and_alone_it_needs_no_issuer(void **state)
{
    X509 *alone = make_certificate("DNS:b", -1, 30, true);
    X509 *expired = make_certificate("DNS:b", -20, -10, true);
    X509 *issued = make_certificate("DNS:b", -1, 30, false);
    char pin[65], old_pin[65], issued_pin[65], options[512];

    (void)state;
    certificate_sha256(alone, pin);
    certificate_sha256(expired, old_pin);
    certificate_sha256(issued, issued_pin);
    snprintf(
        options, sizeof(options), "backend_pins = %s\nbackend_pins = %s\n", pin, old_pin);
    expect(alone, options, "elsewhere", NULL);
    expect(expired, options, "b", "expired on 2");
    expect(issued, options, "b", "is none of backend_pins: its SHA-256 is ");
    snprintf(
        options, sizeof(options), "backend_ca = /ca\nbackend_pins = %s\n", issued_pin);
    expect(issued, options, "b", NULL);
    expect(issued, options, "elsewhere", "not for elsewhere");
    expect(alone, options, "b", "is self-signed");
    X509_free(alone);
    X509_free(expired);
    X509_free(issued);
}

static void what_is_no_tls_1_2_is_refused(void **state)
{
    X509 *certificate = make_certificate("DNS:b", -1, 30, false);

    (void)state;
    begin_backend(certificate, TLS1_1_VERSION);
    begin_proxy("", "b");
    settle(PLAIN_MAX);
    assert_int_equal(proxy.last, TLS_FAILED);
    assert_string_equal(
        tls_error(proxy.tls), "TLS: the backend speaks nothing newer than TLS 1.1");
    end();

    begin_backend(certificate, TLS1_3_VERSION);
    begin_proxy("", "b");
    drain_proxy();
    tls_feed(proxy.tls, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    drain_proxy();
    assert_int_equal(proxy.last, TLS_FAILED);
    assert_non_null(strstr(tls_error(proxy.tls), "does not speak TLS on that port"));
    end();
    X509_free(certificate);
}

static int make_ca(void **state)
{
    const struct pki_request request = {.subject = "CA",
        .ca = true,
        .from_days = days_from_now(-30),
        .to_days = days_from_now(60)};

    (void)state;
    ca_key = pki_key("EC:P-256", 2);
    ca = pki_certificate(&request, ca_key, NULL, NULL);
    return 0;
}

static int free_ca(void **state)
{
    (void)state;
    X509_free(ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_and_close_notify_is_the_end),
        cmocka_unit_test(a_backend_is_whom_its_certificate_names),
        cmocka_unit_test(a_backends_certificate_is_of_today_and_of_a_known_issuer),
        cmocka_unit_test(a_pin_is_a_certificate_and_alone_it_needs_no_issuer),
        cmocka_unit_test(what_is_no_tls_1_2_is_refused),
    };

    return cmocka_run_group_tests(tests, make_ca, free_ca);
}
