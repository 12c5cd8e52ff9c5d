/*
 * differential_rig.h - the same client against two servers of ours: one leaves every
 * handshake to OpenSSL, the other makes as many as it can itself. The result of each is a
 * line of text; the lines must be the same.
 */
#ifndef WLBPROXY_TESTS_DIFFERENTIAL_RIG_H
#define WLBPROXY_TESTS_DIFFERENTIAL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/buffer.h"
#include "proxy/tls/tls_session.h"
#include "tests/unit/service.h"

enum { LINE_MAX_LEN = 160, PLAIN = 64 * 1024, RECORD_HEADER = 5 };

/* The server that runs now, and its results so far. */
struct pass {
    enum engine_choice engine;
    char (*lines)[LINE_MAX_LEN];
    char (*names)[LINE_MAX_LEN];
    size_t count, room;
    size_t native; /* handshakes of the native engine */
};

static struct pass *now;
static struct service both; /* an RSA and an EC certificate */
static EVP_PKEY *rsa_key, *ec_key;
static EVP_PKEY *pass_rsa_key, *pass_ec_key; /* copies, because an engine holds on to its
                                              * keys */

/* Setup and teardown of a group of tests. */
static inline int make_service_keys(void **state)
{
    (void)state;
    rsa_key = service_key("2048");
    ec_key = service_key("P-256");
    return 0;
}

static inline int free_service_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ec_key);
    return 0;
}

static void note(const char *name, const char *line)
{
    if (now->count == now->room) {
        now->room = 2 * now->room + 1000;
        now->lines = realloc(now->lines, now->room * sizeof(*now->lines));
        now->names = realloc(now->names, now->room * sizeof(*now->names));
        assert_true(now->lines != NULL && now->names != NULL);
    }
    (void)snprintf(now->lines[now->count], LINE_MAX_LEN, "%s", line);
    (void)snprintf(now->names[now->count++], LINE_MAX_LEN, "%s", name);
}

static void start_pass(struct pass *pass)
{
    struct error err;

    now = pass;
    assert_true(engine_start(pass->engine, &err));
    service_engine = pass->engine == ENGINE_STOCK ? "openssl" : "native";
    service_init(&both, "wlb", "");
    pass_ec_key = EVP_PKEY_dup(ec_key);
    pass_rsa_key = EVP_PKEY_dup(rsa_key);
    service_show(&both, pass_ec_key);
    service_show(&both, pass_rsa_key);
    service_ready(&both);
}

static void end_pass(void)
{
    service_destroy(&both);
    EVP_PKEY_free(pass_ec_key);
    EVP_PKEY_free(pass_rsa_key);
    engine_stop();
}

static struct pass run_pass(enum engine_choice engine, void (*cases)(void))
{
    struct pass pass = {.engine = engine};

    start_pass(&pass);
    cases();
    end_pass();
    return pass;
}

static void free_pass(struct pass *pass)
{
    free(pass->lines);
    free(pass->names);
}

/* An intended difference, identified by the beginning of the case's name, and by the
 * lines unless they are NULL. Not every OpenSSL has it. */
struct meant {
    const char *name, *stock, *own;
};

static bool is_line(const char *line, const char *expected)
{
    return expected == NULL || strcmp(line, expected) == 0;
}

/* Searches up to the entry without a name. */
static bool is_meant(
    const struct pass *stock, const struct pass *own, size_t i, const struct meant *meant)
{
    for (; meant->name != NULL; meant++) {
        if (strncmp(own->names[i], meant->name, strlen(meant->name)) == 0 &&
            is_line(stock->lines[i], meant->stock) && is_line(own->lines[i], meant->own))
            return true;
    }
    return false;
}

static void compare(const char *what, void (*cases)(void), const struct meant *meant)
{
    struct pass stock = run_pass(ENGINE_STOCK, cases);
    struct pass own = run_pass(ENGINE_AUTO, cases);
    size_t differences = 0;

    assert_int_equal(stock.count, own.count);
    assert_int_equal(stock.native, 0);
    for (size_t i = 0; i < stock.count; i++) {
        assert_string_equal(stock.names[i], own.names[i]);
        if (strcmp(stock.lines[i], own.lines[i]) == 0 || is_meant(&stock, &own, i, meant))
            continue;
        differences++;
        print_error("%s\n    stock %s\n    own   %s\n", stock.names[i], stock.lines[i],
            own.lines[i]);
    }
    print_message("%s: %zu cases, %zu of them ours, %zu differences\n", what, own.count,
        own.native, differences);
    assert_true(own.native > 0);
    free_pass(&stock);
    free_pass(&own);
    assert_int_equal(differences, 0);
}

/* Defines the test of that name: both servers give the same results, except for
 * `meant`. */
#define DIFFERENTIAL_TEST(name, cases, meant)                                            \
    static void name(void **state)                                                       \
    {                                                                                    \
        (void)state;                                                                     \
        compare(#cases, cases, meant);                                                   \
    }

/* A server under test. */
static struct side {
    struct tls *tls;
    struct buffer out;
    int code; /* the last result of tls_read(), other than plaintext and OPENED */
    bool native;
} side;

static inline void side_begin(void)
{
    memset(&side, 0, sizeof(side));
    side.tls = tls_server((struct tls_context *)both.context, &side.out);
}

static void side_end(void)
{
    now->native += side.native;
    tls_free(side.tls);
    buffer_destroy(&side.out);
    ERR_clear_error();
}

static void side_feed(const unsigned char *bytes, size_t len)
{
    static char plain[PLAIN];
    int n;

    if (side.code < 0 || len == 0)
        return;
    tls_feed(side.tls, (const char *)bytes, len);
    do {
        n = tls_read(side.tls, plain, sizeof(plain));
        if (n == TLS_NEED_KEYS)
            (void)engine_run();
        side.native = side.native || side.tls->engine == &tls_native;
    } while (n > 0 || n == TLS_OPENED || n == TLS_NEED_KEYS);
    side.code = n;
    tls_keep(side.tls);
}

static inline size_t number(const unsigned char *at, size_t len)
{
    size_t value = 0;

    while (len-- > 0)
        value = value << 8 | *at++;
    return value;
}

#endif
