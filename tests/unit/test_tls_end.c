/* The end of an established session: what may follow its close_notify, and what happens
 * when memory for its keys runs out. */
#include "tests/unit/tls_rig.h"

#include <stdlib.h>

#include "proxy/base/error.h"
#include "proxy/crypto/digest.h"
#include "tests/unit/tls_forger.h"
#include "tests/unit/tls_suites.h"

static struct forger forger;

static void establish(size_t suite)
{
    connect_with(&suites[suite]);
    assert_ptr_equal(server.tls->engine, &tls_native);
    forger_init(&forger, server.tls);
}

static void disconnect(void)
{
    forger_destroy(&forger);
    end();
}

/* One record of the client's. */
static void forge(int type, const char *bytes, size_t len)
{
    buffer_clear(&forger.out);
    assert_true(tls_seal(&forger.tls, type, bytes, len));
    feed(buffer_data(&forger.out), buffer_len(&forger.out), 1000);
}

static bool is_13(size_t suite)
{
    return suites[suite].version == TLS1_3_VERSION;
}

/* RFC 8446, 6.1: its sender will send no more messages. The other direction continues. */
static void nothing_follows_close_notify(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        establish(i);
        tls_end(server.tls);
        assert_true(buffer_len(&server.out) > 0);
        run_client();
        assert_int_equal(SSL_get_shutdown(client.ssl), SSL_RECEIVED_SHUTDOWN);
        tls_end(server.tls);
        assert_int_equal(buffer_len(&server.out), 0);
        if (is_13(i)) {
            forge(SSL3_RT_HANDSHAKE, "\30\0\0\1\1", 5);
        } else { /* nothing could answer them */
            forge(SSL3_RT_HANDSHAKE, "\1\0\0\0", 4);
            forge(SSL3_RT_HANDSHAKE, "\7\0\0\1\235", 5);
        }
        assert_int_equal(server.last, TLS_NEED_INPUT);
        assert_int_equal(buffer_len(&server.out), 0);
        assert_false(tls_write(server.tls, "pong", 4));
        assert_int_equal(buffer_len(&server.out), 0);
        if (is_13(i))
            assert_true(
                tls_direction_next(&forger.session.records.out, &forger.session.records));
        forge(SSL3_RT_APPLICATION_DATA, "ping", 4);
        assert_int_equal(server.plain_len, 4);
        forge(99, "what?", 5);
        assert_int_equal(server.last, TLS_FAILED);
        assert_int_equal(buffer_len(&server.out), 0);
        assert_int_equal(server.tls->alert_sent, -1); /* and none is reported */
        disconnect();
    }
}

/* 0: memory is there; n: the n-th allocation of OpenSSL's fails. */
static int fails_at;

static bool must_fail(void)
{
    return fails_at > 0 && --fails_at == 0;
}

static void *unsure_malloc(size_t len, const char *file, int line)
{
    (void)file, (void)line;
    return must_fail() ? NULL : malloc(len);
}

static void *unsure_realloc(void *bytes, size_t len, const char *file, int line)
{
    (void)file, (void)line;
    return must_fail() ? NULL : realloc(bytes, len);
}

static void unsure_free(void *bytes, const char *file, int line)
{
    (void)file, (void)line;
    free(bytes);
}

/* Nothing is sealed any more, whatever was sealed before. */
static void check_that_it_is_over(void)
{
    size_t sent = buffer_len(&server.out);

    assert_false(tls_write(server.tls, "pong", 4));
    tls_end(server.tls);
    assert_int_equal(buffer_len(&server.out), sent);
    assert_true(server.tls->text != NULL);
    feed("", 1, 1);
    assert_int_equal(server.last, TLS_FAILED);
}

/* True if memory was short. */
static bool write_without_memory(size_t suite, int nth)
{
    if (is_13(suite))
        tls_records_of(server.tls)->rekey_after = 0;
    fails_at = nth;
    bool written = tls_write(server.tls, "pong", 4);
    bool failed = fails_at == 0;
    fails_at = 0;
    if (written) {
        run_client();
        assert_int_equal(client.plain_len, 4);
    } else {
        check_that_it_is_over();
    }
    assert_true(written || failed);
    return failed;
}

static bool read_without_memory(size_t suite, int nth)
{
    buffer_clear(&forger.out);
    if (is_13(suite))
        tls_seal(&forger.tls, SSL3_RT_HANDSHAKE, "\30\0\0\1\1", 5);
    else
        tls_seal(&forger.tls, SSL3_RT_APPLICATION_DATA, "ping", 4);
    fails_at = nth;
    feed(buffer_data(&forger.out), buffer_len(&forger.out), 1000);
    bool failed = fails_at == 0;
    fails_at = 0;
    if (server.last == TLS_FAILED)
        check_that_it_is_over();
    else
        assert_int_equal(server.last, TLS_NEED_INPUT);
    return failed;
}

static void check_without_memory(bool (*step)(size_t suite, int nth))
{
    for (size_t i = 0; i < SUITES; i++) {
        bool failed = true;

        for (int nth = 1; failed; nth++) {
            assert_true(nth < 100);
            establish(i);
            failed = step(i, nth);
            disconnect();
        }
    }
}

static void a_session_without_memory_to_write_is_over(void **state)
{
    (void)state;
    check_without_memory(write_without_memory);
}

static void a_session_without_memory_to_read_is_over(void **state)
{
    (void)state;
    check_without_memory(read_without_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_follows_close_notify),
        cmocka_unit_test(a_session_without_memory_to_write_is_over),
        cmocka_unit_test(a_session_without_memory_to_read_is_over),
    };
    int failed;

    if (CRYPTO_set_mem_functions(unsure_malloc, unsure_realloc, unsure_free) != 1)
        return 2;
    if (!start_native())
        return 0;
    failed = cmocka_run_group_tests(tests, make_contexts, free_contexts);
    engine_stop();
    return failed;
}
