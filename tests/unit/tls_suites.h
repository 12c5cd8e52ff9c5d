/*
 * tls_suites.h - the cipher suites of the native engine, and a session with each.
 */
#ifndef WLBPROXY_TESTS_TLS_SUITES_H
#define WLBPROXY_TESTS_TLS_SUITES_H

#include "proxy/base/error.h"
#include "tests/unit/tls_rig.h"

static const struct suite {
    int version;
    const char *name;
} suites[] = {
    {TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
    {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
    {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"},
};
enum { SUITES = sizeof(suites) / sizeof(suites[0]) };

static inline void set_suite(const struct suite *suite)
{
    SSL_set_min_proto_version(client.ssl, suite->version);
    SSL_set_max_proto_version(client.ssl, suite->version);
    if (suite->version == TLS1_3_VERSION)
        assert_int_equal(SSL_set_ciphersuites(client.ssl, suite->name), 1);
    else
        assert_int_equal(SSL_set_cipher_list(client.ssl, suite->name), 1);
}

static inline void connect_with(const struct suite *suite)
{
    begin();
    set_suite(suite);
    settle(1000);
    assert_true(server.tls->open);
    assert_string_equal(SSL_get_cipher(client.ssl), suite->name);
}

/* For services of the native engine. Prints a reason and returns false where there can be
 * none. */
static inline bool start_native(void)
{
    struct error err;

    service_engine = "native";
    if (engine_start(ENGINE_AUTO, &err) && engine_supports_native())
        return true;
    print_message("skipped: no native engine: %s\n", engine_description());
    return false;
}

#endif
