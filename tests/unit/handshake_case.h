/*
 * handshake_case.h - a TLS 1.2 handshake for one test, stopped at the point that the test
 * needs.
 */
#ifndef WLBPROXY_TESTS_HANDSHAKE_CASE_H
#define WLBPROXY_TESTS_HANDSHAKE_CASE_H

#include "tests/unit/engine_rig.h"
#include "tests/unit/handshake_rig.h"

/* Setups of a group of tests, with batches and without. */
static inline int start_own_sealing_engine(void **state)
{
    return start_own_engine(state) == 0 && engine_supports_native() ? 0 : -1;
}

/* The keys hold on to the engine they were used with. */
static inline int forget_keys_and_stop(void **state)
{
    service_forget_keys();
    return stop_engine(state);
}

#define RUN_WITH_BOTH_ENGINES(tests)                                                     \
    (cmocka_run_group_tests(tests, start_sealing_engine, forget_keys_and_stop) +         \
        cmocka_run_group_tests(tests, start_own_sealing_engine, forget_keys_and_stop))

/* Without batches only P-384 is done by our code. */
static inline int open_default(void **state)
{
    (void)state;
    rig_open("", "P-384");
    SSL_CTX_set1_groups_list(rig.clients, "X25519:P-256:P-384");
    return 0;
}

static inline int close_default(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_default, close_default)

static inline void assert_done(void)
{
    assert_non_null(rig.handshake);
    assert_int_equal(rig.handshake->state, HANDSHAKE_DONE);
    assert_true(SSL_is_init_finished(rig.client));
    assert_string_equal(SSL_get_cipher(rig.client), rig.handshake->suite->name);
    assert_int_equal(SSL_get_extms_support(rig.client), 1);
}

/* Sends data both ways, with the negotiated keys. */
static inline void talk(void)
{
    struct buffer bytes = {0};
    char text[16];
    unsigned char *body;

    write_record(SSL3_RT_APPLICATION_DATA, (const unsigned char *)"ping", 4);
    run_client();
    assert_int_equal(SSL_read(rig.client, text, sizeof(text)), 4);
    assert_memory_equal(text, "ping", 4);
    assert_int_equal(SSL_write(rig.client, "pong!", 5), 5);
    take_from_client(&bytes);
    body = (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER;
    assert_int_equal(
        open_record(SSL3_RT_APPLICATION_DATA, &body, buffer_len(&bytes) - RECORD_HEADER),
        5);
    assert_memory_equal(body, "pong!", 5);
    buffer_destroy(&bytes);
}

/* Runs up to the server's first flight; NULL: there is no session. */
static inline void await_answer(SSL_SESSION *session)
{
    struct buffer hello = {0};

    begin();
    if (session != NULL)
        assert_int_equal(SSL_set_session(rig.client, session), 1);
    run_client();
    take_from_client(&hello);
    deliver((unsigned char *)hello.bytes + hello.start, buffer_len(&hello));
    buffer_destroy(&hello);
    assert_non_null(rig.handshake);
    assert_int_equal(rig.handshake->state, HANDSHAKE_AWAITS_CLIENT);
}

static inline void await_key_exchange(void)
{
    await_answer(NULL);
}

static inline void assert_refused(int alert)
{
    assert_int_equal(rig.handshake->state, HANDSHAKE_FAILED);
    assert_int_equal(rig.handshake->alert, alert);
    end();
}

#endif
