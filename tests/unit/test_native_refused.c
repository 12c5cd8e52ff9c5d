/* Native handshakes that either side refuses, or that are abandoned midway. */
#include "tests/unit/native_rig.h"

/* An alert of the client comes in the clear. */
static void a_client_that_refuses_us_is_heard(void **state)
{
    (void)state;
    open_service("", "P-256");
    for (size_t v = 0; v < 2; v++) {
        begin();
        SSL_set_max_proto_version(client.ssl, v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SSL_set_verify(client.ssl, SSL_VERIFY_PEER, NULL);
        shake(1000);
        assert_true(native);
        assert_int_equal(server.last, TLS_FAILED);
        assert_string_equal(tls_info(server.tls)->alert, "unknown CA");
        assert_int_equal(tls_info(server.tls)->cause_kind, TLS_FAILURE_UNKNOWN_CA);
        end();
    }
    close_service();
}

/* A change of any byte of the client's second flight ends in an alert. */
static void every_changed_byte_is_noticed(void **state)
{
    char flight[512], *bytes;
    size_t len = 1;

    (void)state;
    open_service("", "P-256");
    for (size_t at = 0; at < len; at++) {
        begin();
        SSL_set_min_proto_version(client.ssl, TLS1_3_VERSION);
        run_client();
        long hello_len = BIO_get_mem_data(client.out, &bytes);
        feed(bytes, (size_t)hello_len, 100000);
        (void)BIO_reset(client.out);
        run_client();
        len = (size_t)BIO_get_mem_data(client.out, &bytes);
        assert_true(len > 0 && len <= sizeof(flight));
        memcpy(flight, bytes, len);
        flight[at] ^= 1;
        buffer_clear(&server.out);
        feed(flight, len, 100000);
        /* The version of a ChangeCipherSpec is ignored by both engines. */
        assert_true(server.last == TLS_FAILED ||
            (server.last == TLS_NEED_INPUT && !server.tls->open));
        if (server.last == TLS_FAILED)
            assert_true(buffer_len(&server.out) > 0);
        end();
    }
    close_service();
}

/* RFC 8446, 5 and 5.1; RFC 5246, 6.2.1: a record that is too long is refused before its
 * body has come. */
static void a_bad_record_header_is_refused_at_once(void **state)
{
    static const struct {
        int version;
        const char *bytes;
        size_t len;
        int alert;
    } cases[] = {
        {TLS1_2_VERSION, "\x16\3\3\x40\1", 5, SSL_AD_RECORD_OVERFLOW},
        {TLS1_2_VERSION, "\x14\3\3\x40\1", 5, SSL_AD_RECORD_OVERFLOW},
        {TLS1_2_VERSION, "\x16\3\3\x40\0", 5, 0},
        {TLS1_3_VERSION, "\x14\3\3\x40\1", 5, SSL_AD_RECORD_OVERFLOW},
        {TLS1_3_VERSION, "\x15\3\3\x40\1", 5, SSL_AD_RECORD_OVERFLOW},
        {TLS1_3_VERSION, "\x17\3\3\x41\1", 5, SSL_AD_RECORD_OVERFLOW},
        {TLS1_3_VERSION, "\x17\3\3\x41\0", 5, 0},
        {TLS1_3_VERSION, "\x14\3\3\0\1\2", 6, SSL_AD_UNEXPECTED_MESSAGE},
        {TLS1_3_VERSION, "\x14\3\3\0\2\1\1", 7, SSL_AD_UNEXPECTED_MESSAGE},
        {TLS1_3_VERSION, "\x14\3\3\0\0", 5, SSL_AD_UNEXPECTED_MESSAGE},
        {TLS1_3_VERSION, "\x14\3\3\0\1\1", 6, 0},
    };
    char *bytes;

    (void)state;
    open_service("", "P-256");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        SSL_set_max_proto_version(client.ssl, cases[i].version);
        run_client();
        long len = BIO_get_mem_data(client.out, &bytes);
        feed(bytes, (size_t)len, 100000);
        assert_ptr_equal(server.tls->engine, &tls_native);
        feed(cases[i].bytes, cases[i].len, 1);
        assert_int_equal(server.last, cases[i].alert > 0 ? TLS_FAILED : TLS_NEED_INPUT);
        if (cases[i].alert > 0)
            assert_int_equal(server.tls->alert_sent, cases[i].alert);
        end();
    }
    close_service();
}

static void a_session_may_end_at_any_time(void **state)
{
    char *bytes;

    (void)state;
    open_service("", "2048");
    begin();
    run_client();
    long len = BIO_get_mem_data(client.out, &bytes);
    tls_feed(server.tls, bytes, (size_t)len);
    (void)tls_read(server.tls, server.plain, PLAIN);
    end();
    assert_int_equal(engine_pending(), 0);
    close_service();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_refuses_us_is_heard),
        cmocka_unit_test(a_bad_record_header_is_refused_at_once),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_session_may_end_at_any_time),
    };

    return cmocka_run_group_tests(tests, start_engine, stop_service_engine) +
        cmocka_run_group_tests(tests, start_own_engine, stop_service_engine);
}
