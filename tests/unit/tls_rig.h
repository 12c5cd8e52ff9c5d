/*
 * tls_rig.h - the session under test, and an OpenSSL client on memory BIOs, connected to
 * each other.
 */
#ifndef WLBPROXY_TESTS_TLS_RIG_H
#define WLBPROXY_TESTS_TLS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "proxy/base/buffer.h"
#include "proxy/crypto/engine.h"
#include "proxy/tls/tls_session.h"
#include "tests/unit/service.h"

enum { PLAIN = 64 * 1024 };

static SSL_CTX *server_context;
static struct service rig_service;
static const char *rig_options = ""; /* of the service */

/* The session under test, and an OpenSSL client on memory BIOs. */
static struct {
    struct tls *tls;
    struct buffer out;
    char plain[4 * PLAIN];
    size_t plain_len;
    int last; /* the last result of tls_read(), other than plaintext */
} server;

static struct {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    char plain[4 * PLAIN];
    size_t plain_len;
} client;

static inline EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    assert_non_null(key);
    return key;
}

static inline X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"wlb", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

/* Uses the engine's library context, if it runs, and the engine that service.h names. */
static inline int make_contexts(void **state)
{
    (void)state;
    service_make(&rig_service, "wlb", rig_options, "P-256");
    server_context = rig_service.context;
    client.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(client.context, 0);
    SSL_CTX_set_min_proto_version(client.context, TLS1_VERSION);
    /* OpenSSL's clients with ML-KEM offer it, and the native engine leaves such hellos to
     * OpenSSL. */
    assert_int_equal(SSL_CTX_set1_groups_list(client.context, "X25519:P-256:P-384"), 1);
    return 0;
}

static inline int free_contexts(void **state)
{
    (void)state;
    service_destroy(&rig_service);
    service_forget_keys();
    SSL_CTX_free(client.context);
    return 0;
}

static void begin(void)
{
    server.tls = tls_server((struct tls_context *)server_context, &server.out);
    server.plain_len = client.plain_len = 0;
    server.last = TLS_NEED_INPUT;
    client.ssl = SSL_new(client.context);
    client.in = BIO_new(BIO_s_mem());
    client.out = BIO_new(BIO_s_mem());
    SSL_set_bio(client.ssl, client.in, client.out);
    SSL_set_connect_state(client.ssl);
}

static inline void end(void)
{
    tls_free(server.tls);
    buffer_destroy(&server.out);
    SSL_free(client.ssl);
    ERR_clear_error();
}

/* Reads all that the server can give. */
static void drain_server(void)
{
    int n;

    do {
        n = tls_read(server.tls, server.plain + server.plain_len, PLAIN);
        if (n > 0)
            server.plain_len += (size_t)n;
        if (n == TLS_NEED_KEYS)
            (void)engine_run();
    } while (n > 0 || n == TLS_OPENED || n == TLS_NEED_KEYS);
    server.last = n;
}

static void feed(const char *bytes, size_t len, size_t step)
{
    for (size_t at = 0; at < len && server.last >= 0; at += step) {
        tls_feed(server.tls, bytes + at, at + step <= len ? step : len - at);
        drain_server();
    }
}

static void run_client(void)
{
    if (buffer_len(&server.out) > 0)
        BIO_write(client.in, buffer_data(&server.out), (int)buffer_len(&server.out));
    buffer_clear(&server.out);
    SSL_do_handshake(client.ssl);
    int n = SSL_read(client.ssl, client.plain + client.plain_len, PLAIN);
    while (n > 0) {
        client.plain_len += (size_t)n;
        n = SSL_read(client.ssl, client.plain + client.plain_len, PLAIN);
    }
}

/* Carries bytes both ways, `step` at a time, until neither side sends more. */
static void settle(size_t step)
{
    char *bytes;
    long len;

    for (int i = 0; i < 10; i++) {
        run_client();
        len = BIO_get_mem_data(client.out, &bytes);
        feed(bytes, (size_t)len, step);
        (void)BIO_reset(client.out);
        if (len == 0 && buffer_len(&server.out) == 0)
            break;
    }
}

static inline void connect_peers(int version, size_t step)
{
    begin();
    SSL_set_min_proto_version(client.ssl, version);
    SSL_set_max_proto_version(client.ssl, version);
    settle(step);
    assert_true(server.tls->open);
    assert_true(SSL_is_init_finished(client.ssl));
}

#endif
