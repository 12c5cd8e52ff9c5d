/* Sessions of the native engine, of any length. */
#include "tests/unit/tls_forger.h"
#include "tests/unit/tls_suites.h"

static void every_suite_carries_data_of_any_length(void **state)
{
    static char large[200 * 1000];

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < SUITES; i++) {
        connect_with(&suites[i]);
        assert_ptr_equal(server.tls->engine, &tls_native);
        for (size_t len = 1; len <= sizeof(large); len = len * 5 + 3) {
            server.plain_len = client.plain_len = 0;
            assert_int_equal(SSL_write(client.ssl, large, (int)len), len);
            assert_true(tls_write(server.tls, large, len));
            settle(4093);
            assert_int_equal(server.plain_len, len);
            assert_memory_equal(server.plain, large, len);
            assert_int_equal(client.plain_len, len);
            assert_memory_equal(client.plain, large, len);
        }
        tls_end(server.tls);
        settle(100);
        assert_int_equal(SSL_get_shutdown(client.ssl), SSL_RECEIVED_SHUTDOWN);
        end();
    }
}

/* From the first byte to the last. */
static void a_client_of_another_suite_is_served_by_openssl(void **state)
{
    static const struct suite cbc = {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"};

    (void)state;
    connect_with(&cbc);
    assert_ptr_equal(server.tls->engine, &tls_openssl);
    assert_string_equal(tls_info(server.tls)->engine, "openssl");
    SSL_write(client.ssl, "ping", 4);
    settle(3);
    assert_int_equal(server.plain_len, 4);
    end();
}

static void resumed_sessions_are_native_too(void **state)
{
    SSL_SESSION *session = NULL;

    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        for (int round = 0; round < 3; round++) {
            begin();
            set_suite(&suites[i]);
            if (round > 0)
                assert_int_equal(SSL_set_session(client.ssl, session), 1);
            settle(1000);
            assert_int_equal(tls_is_resumed(server.tls), round > 0);
            assert_ptr_equal(server.tls->engine, &tls_native);
            assert_true(tls_write(server.tls, "pong", 4));
            SSL_write(client.ssl, "ping", 4);
            settle(7);
            assert_int_equal(client.plain_len, 4);
            assert_int_equal(server.plain_len, 4);
            SSL_SESSION_free(session);
            session = SSL_get1_session(client.ssl);
            SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            end();
        }
        SSL_SESSION_free(session);
        session = NULL;
    }
}

/* More sessions than there are computed keys, used alternately. */
static void keys_are_computed_anew_when_others_took_their_place(void **state)
{
    enum { SESSIONS = 300 };
    static struct {
        struct tls *tls;
        SSL *ssl;
        BIO *in, *out;
        struct buffer written;
    } all[SESSIONS];
    char text[32] = "";

    (void)state;
    for (int i = 0; i < SESSIONS; i++) {
        connect_with(&suites[i % SUITES]);
        all[i].tls = server.tls;
        all[i].ssl = client.ssl;
        all[i].in = client.in;
        all[i].out = client.out;
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            server.tls = all[i].tls;
            client.ssl = all[i].ssl;
            client.in = all[i].in;
            client.out = all[i].out;
            server.plain_len = client.plain_len = 0;
            SSL_write(client.ssl, "ping", 4);
            /* The session was made with the rig's buffer, which all share. */
            assert_true(tls_write(server.tls, text, sizeof(text)));
            settle(11);
            assert_int_equal(server.plain_len, 4);
            assert_int_equal(client.plain_len, sizeof(text));
        }
    }
    for (int i = 0; i < SESSIONS; i++) {
        tls_free(all[i].tls);
        SSL_free(all[i].ssl);
    }
    buffer_destroy(&server.out);
}

static void a_client_that_asks_for_short_fragments_is_served_by_openssl(void **state)
{
    static char large[5000];

    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        begin();
        set_suite(&suites[i]);
        SSL_set_tlsext_max_fragment_length(client.ssl, TLSEXT_max_fragment_length_1024);
        settle(1000);
        assert_ptr_equal(server.tls->engine, &tls_openssl);
        assert_true(tls_write(server.tls, large, sizeof(large)));
        assert_true(buffer_len(&server.out) >= sizeof(large) + 5 * (5 + 16));
        settle(1000);
        assert_int_equal(client.plain_len, sizeof(large));
        end();
    }
}

static void our_keys_are_changed_before_they_wear_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES && suites[i].version == TLS1_3_VERSION; i++) {
        connect_with(&suites[i]);
        tls_records_of(server.tls)->rekey_after = 3;
        for (int n = 0; n < 20; n++) {
            assert_true(tls_write(server.tls, "drop", 4));
            assert_true(tls_records_of(server.tls)->out.sequence <= 3);
            settle(100);
        }
        assert_int_equal(client.plain_len, 80);
        end();
    }
}

static void key_updates_of_the_client_are_followed_and_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES && suites[i].version == TLS1_3_VERSION; i++) {
        connect_with(&suites[i]);
        for (int n = 0; n < 6; n++) {
            SSL_key_update(client.ssl,
                n % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
            server.plain_len = client.plain_len = 0;
            SSL_write(client.ssl, "ping", 4);
            settle(1 + (size_t)n);
            assert_true(tls_write(server.tls, "pong", 4));
            settle(3);
            assert_int_equal(server.plain_len, 4);
            assert_int_equal(client.plain_len, 4);
        }
        end();
    }
}

/* Some clients wait for it before they continue. */
static void a_key_update_is_answered_at_once(void **state)
{
    struct forger forger;

    (void)state;
    connect_with(&suites[0]);
    forger_init(&forger, server.tls);
    assert_true(tls_seal(&forger.tls, SSL3_RT_HANDSHAKE, "\30\0\0\1\1", 5));
    feed(buffer_data(&forger.out), buffer_len(&forger.out), 100);
    assert_int_equal(server.last, TLS_NEED_INPUT);
    assert_int_equal(buffer_len(&server.out), 5 + 5 + 1 + 16);
    forger_destroy(&forger);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_carries_data_of_any_length),
        cmocka_unit_test(a_client_of_another_suite_is_served_by_openssl),
        cmocka_unit_test(resumed_sessions_are_native_too),
        cmocka_unit_test(keys_are_computed_anew_when_others_took_their_place),
        cmocka_unit_test(a_client_that_asks_for_short_fragments_is_served_by_openssl),
        cmocka_unit_test(our_keys_are_changed_before_they_wear_out),
        cmocka_unit_test(key_updates_of_the_client_are_followed_and_answered),
        cmocka_unit_test(a_key_update_is_answered_at_once),
    };
    int failed;

    if (!start_native())
        return 0;
    rig_options = "ciphers = ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES256-SHA384\n";
    failed = cmocka_run_group_tests(tests, make_contexts, free_contexts);
    engine_stop();
    return failed;
}
