/*
 * loop_rig.h - a loop that the test iterates, a server's context (of the engine, if one
 * runs), and stream events for an owner that ignores them.
 */
#ifndef WLBPROXY_TESTS_LOOP_RIG_H
#define WLBPROXY_TESTS_LOOP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "proxy/crypto/engine.h"
#include "proxy/net/iteration.h"
#include "proxy/net/stream.h"

enum { ITERATIONS_MAX = 20000 };

static struct loop loop;
static SSL_CTX *server_context;

static inline void make_server_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    server_context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());
    assert_int_equal(SSL_CTX_use_cert_and_key(server_context, x, key, NULL, 1), 1);
    engine_adopt(server_context);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void iterate(void)
{
    loop_iterate(&loop, false);
}

#define ITERATE_UNTIL(condition)                                                         \
    do {                                                                                 \
        int iterations = 0;                                                              \
        while (!(condition) && iterations++ < ITERATIONS_MAX)                            \
            iterate();                                                                   \
        assert_true(iterations <= ITERATIONS_MAX);                                       \
    } while (0)

static inline void ignore(struct stream *s)
{
    (void)s;
}

static inline void ignore_data(struct stream *s, const char *bytes, size_t len)
{
    (void)s, (void)bytes, (void)len;
}

static inline void ignore_failure(
    struct stream *s, enum end_reason reason, const char *detail)
{
    (void)s, (void)reason, (void)detail;
}

#endif
