/*
 * native_rig.h - a service whose handshakes may be native, driven by the functions that
 * stream.c calls, and an OpenSSL client that makes a handshake with it.
 */
#ifndef WLBPROXY_TESTS_NATIVE_RIG_H
#define WLBPROXY_TESTS_NATIVE_RIG_H

#include "tests/unit/tls_rig.h"

#include "proxy/tls/tls_session.h"
#include "tests/unit/engine_rig.h"
#include "tests/unit/service.h"

static const size_t steps[] = {1, 7, 100000};

static struct service service;
static bool native; /* the last session was native */

/* Without hybrid groups, which newer clients offer by default. */
static const char supported_groups_only[] = "X25519:P-256:P-384";

static inline int stop_service_engine(void **state)
{
    service_forget_keys();
    return stop_engine(state);
}

static inline void open_service_of(
    const char *name, const char *options, const char *kind)
{
    service_engine = "native";
    service_make(&service, name, options, kind);
    server_context = service.context;
    client.context = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set1_groups_list(client.context, supported_groups_only), 1);
}

static inline void open_service(const char *options, const char *kind)
{
    open_service_of("wlb", options, kind);
}

static inline void close_service(void)
{
    SSL_CTX_free(client.context);
    service_destroy(&service);
}

/* Like begin(); settings of the client come before the hello. */
static inline void shake(size_t step)
{
    char *bytes;
    long len;

    native = false;
    for (int i = 0; i < 10; i++) {
        run_client();
        len = BIO_get_mem_data(client.out, &bytes);
        for (size_t at = 0; at < (size_t)len && server.last >= 0; at += step) {
            size_t n = at + step <= (size_t)len ? step : (size_t)len - at;

            tls_feed(server.tls, bytes + at, n);
            drain_server();
            native |= server.tls->engine == &tls_native;
        }
        (void)BIO_reset(client.out);
        if (len == 0 && buffer_len(&server.out) == 0)
            break;
    }
}

static inline void assert_open(void)
{
    assert_true(server.tls->open);
    assert_true(SSL_is_init_finished(client.ssl));
    assert_true(native);
}

static inline void talk(void)
{
    size_t before = client.plain_len, asked = server.plain_len;

    SSL_write(client.ssl, "ping", 4);
    settle(1000);
    assert_int_equal(server.plain_len, asked + 4);
    assert_true(tls_write(server.tls, "pong!", 5));
    settle(1000);
    assert_int_equal(client.plain_len, before + 5);
}

#endif
