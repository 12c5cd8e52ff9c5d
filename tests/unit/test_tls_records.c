#include "tests/unit/tls_rig.h"

#include "config/error.h"
#include "tests/unit/tls_forger.h"
#include "tests/unit/tls_suites.h"

static void every_usual_cipher_goes_on_without_openssl(void **state)
{
    static char large[200 * 1000];

    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < SUITES; i++) {
        connect_with(&suites[i]);
        assert_null(server.tls->ssl);
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

static void an_unusual_cipher_stays_with_openssl(void **state)
{
    static const struct suite cbc = {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-SHA384"};

    (void)state;
    connect_with(&cbc);
    assert_non_null(server.tls->ssl);
    assert_null(server.tls->records);
    SSL_write(client.ssl, "ping", 4);
    settle(3);
    assert_int_equal(server.plain_len, 4);
    end();
}

/* Tickets are sealed with the keys that go on. */
static void resumed_sessions_go_on_too(void **state)
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
            assert_null(server.tls->ssl);
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

/* More sessions than there are computed keys, used in turn. */
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

static void a_short_fragment_asked_for_is_kept_to(void **state)
{
    static char large[5000];

    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        begin();
        set_suite(&suites[i]);
        SSL_set_tlsext_max_fragment_length(client.ssl, TLSEXT_max_fragment_length_1024);
        settle(1000);
        assert_int_equal(server.tls->records->largest, 1024);
        assert_true(tls_write(server.tls, large, sizeof(large)));
        assert_true(buffer_len(&server.out) >= sizeof(large) + 5 * (5 + 16));
        assert_true((unsigned char)buffer_data(&server.out)[3] <= (1024 + 25) >> 8);
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
        server.tls->records->rekey_after = 3;
        for (int n = 0; n < 20; n++) {
            assert_true(tls_write(server.tls, "drop", 4));
            assert_true(server.tls->records->out.sequence <= 3);
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

/* Some clients wait for it before they go on. */
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

static void whatever_was_changed_on_the_way_is_refused(void **state)
{
    char *bytes, record[64];

    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        for (size_t at = 0;; at++) {
            connect_with(&suites[i]);
            SSL_write(client.ssl, "ping", 4);
            size_t len = (size_t)BIO_get_mem_data(client.out, &bytes);
            assert_true(len < sizeof(record));
            memcpy(record, bytes, len);
            if (at < len)
                record[at] ^= 1;
            feed(record, len, 1000);
            if (at >= len) {
                assert_int_equal(server.plain_len, 4);
                end();
                break;
            }
            assert_int_equal(server.plain_len, 0);
            /* With another length it may not be all there. */
            assert_true(server.last == TLS_FAILED || at == 3 || at == 4);
            if (at > 4) {
                assert_int_equal(server.tls->alert_sent, SSL_AD_BAD_RECORD_MAC);
                run_client();
                assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                    SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
            }
            end();
        }
    }
}

enum { V12 = 1, V13 = 2, BOTH = V12 | V13, NO_ALERT = -1 };

/* A record's worth. Without one the case ends. */
struct part {
    int type;
    const char *bytes;
    size_t len;
};
#define PART(type, text)                                                                 \
    {                                                                                    \
        type, text, sizeof(text) - 1                                                     \
    }

static const struct oddity {
    const char *what;
    int versions;
    struct part parts[3];
    int last, alert;
} oddities[] = {
    {"data", BOTH, {PART(23, "data")}, TLS_NEED_INPUT, NO_ALERT},
    {"empty data", BOTH, {PART(23, "")}, TLS_NEED_INPUT, NO_ALERT},
    {"close_notify", BOTH, {PART(21, "\1\0")}, TLS_END, NO_ALERT},
    {"close_notify, said to be fatal", V13, {PART(21, "\2\0")}, TLS_END, NO_ALERT},
    {"a fatal alert", BOTH, {PART(21, "\2\50")}, TLS_FAILED, NO_ALERT},
    {"a fatal alert, said to be a warning", V13, {PART(21, "\1\50")}, TLS_FAILED,
        NO_ALERT},
    {"a warning", V12, {PART(21, "\1\50")}, TLS_NEED_INPUT, NO_ALERT},
    {"user_canceled", BOTH, {PART(21, "\1\132")}, TLS_NEED_INPUT, NO_ALERT},
    {"an alert of no level", V12, {PART(21, "\3\50")}, TLS_FAILED,
        SSL_AD_ILLEGAL_PARAMETER},
    {"half an alert", BOTH, {PART(21, "\1")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"an empty alert", BOTH, {PART(21, "")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"two alerts in one", BOTH, {PART(21, "\1\132\1\132")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"ChangeCipherSpec", BOTH, {PART(20, "\1")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"a heartbeat", BOTH, {PART(24, "\1\0\0")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"type 0", V13, {PART(0, "abc")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"nothing but padding", V13, {PART(0, "\0\0\0")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"KeyUpdate", V13, {PART(22, "\30\0\0\1\0")}, TLS_NEED_INPUT, NO_ALERT},
    {"KeyUpdate in pieces", V13, {PART(22, "\30"), PART(22, "\0\0"), PART(22, "\1\1")},
        TLS_NEED_INPUT, NO_ALERT},
    {"KeyUpdate, and data amid it", V13, {PART(22, "\30\0"), PART(23, "data")},
        TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"two KeyUpdates in one", V13, {PART(22, "\30\0\0\1\0\30\0\0\1\0")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"KeyUpdate that asks for 2", V13, {PART(22, "\30\0\0\1\2")}, TLS_FAILED,
        SSL_AD_ILLEGAL_PARAMETER},
    {"an empty KeyUpdate", V13, {PART(22, "\30\0\0\0")}, TLS_FAILED, SSL_AD_DECODE_ERROR},
    {"a long KeyUpdate", V13, {PART(22, "\30\0\0\2\0\0")}, TLS_FAILED,
        SSL_AD_DECODE_ERROR},
    {"KeyUpdate of TLS 1.3", V12, {PART(22, "\30\0\0\1\0")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"an empty handshake record", V13, {PART(22, "")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"an empty handshake record", V12, {PART(22, "")}, TLS_NEED_INPUT, NO_ALERT},
    {"ClientHello", V13, {PART(22, "\1\0\0\2\3\3")}, TLS_FAILED,
        SSL_AD_UNEXPECTED_MESSAGE},
    {"ClientHello", V12, {PART(22, "\1\0\0\2\3\3")}, TLS_NEED_INPUT,
        SSL_AD_NO_RENEGOTIATION},
    {"ClientHello in pieces, then data", V12,
        {PART(22, "\1\0"), PART(22, "\0\2\3"), PART(22, "\3")}, TLS_NEED_INPUT,
        SSL_AD_NO_RENEGOTIATION},
    {"HelloRequest", BOTH, {PART(22, "\0\0\0\0")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
    {"Finished", BOTH, {PART(22, "\24\0\0\1\0")}, TLS_FAILED, SSL_AD_UNEXPECTED_MESSAGE},
};

/* What the client was told, decrypted by it; -1: nothing. */
static int alert_told(void)
{
    int alert = -1;

    if (buffer_len(&server.out) == 0)
        return -1;
    SSL_set_quiet_shutdown(client.ssl, 1);
    ERR_clear_error();
    run_client();
    if (ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET)
        alert = ERR_GET_REASON(ERR_peek_last_error()) - SSL_AD_REASON_OFFSET;
    return alert;
}

static void try_oddity(
    const struct oddity *oddity, const struct suite *suite, size_t step)
{
    struct forger forger;

    connect_with(suite);
    forger_init(&forger, server.tls);
    for (size_t i = 0; i < 3 && oddity->parts[i].bytes != NULL; i++)
        assert_true(tls_seal(&forger.tls, oddity->parts[i].type, oddity->parts[i].bytes,
            oddity->parts[i].len));
    feed(buffer_data(&forger.out), buffer_len(&forger.out), step);
    if (server.last != oddity->last)
        fail_msg("%s, %s: %d", oddity->what, suite->name, server.last);
    if (oddity->last == TLS_FAILED && oddity->alert != NO_ALERT) {
        assert_int_equal(server.tls->alert_sent, oddity->alert);
        if (alert_told() != oddity->alert)
            fail_msg("%s, %s: another alert", oddity->what, suite->name);
        assert_int_equal(tls_read(server.tls, server.plain, PLAIN), TLS_FAILED);
    } else if (oddity->alert == SSL_AD_NO_RENEGOTIATION) {
        assert_true(buffer_len(&server.out) > 0); /* a warning: goes on */
    }
    forger_destroy(&forger);
    end();
}

static void odd_records_are_answered_as_the_rfcs_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
        for (size_t s = 0; s < SUITES; s++) {
            int version = suites[s].version == TLS1_3_VERSION ? V13 : V12;

            if ((oddities[i].versions & version) == 0)
                continue;
            for (size_t step = 1; step < 100; step += 33)
                try_oddity(&oddities[i], &suites[s], step);
        }
    }
}

/* In the clear: type, version and length are judged before the body has come. */
static void bad_headers_are_refused_at_once(void **state)
{
    static const struct {
        int versions;
        const char *header;
        int alert;
    } cases[] = {
        {V13, "\x17\x03\x03\x41\x01", SSL_AD_RECORD_OVERFLOW},
        {V12, "\x17\x03\x03\x44\x01", SSL_AD_RECORD_OVERFLOW},
        {V13, "\x16\x03\x03\x40\x01", SSL_AD_UNEXPECTED_MESSAGE},
        {V13, "\x15\x03\x03\x00\x02", SSL_AD_UNEXPECTED_MESSAGE},
        {V13, "\x14\x03\x03\x00\x01", SSL_AD_UNEXPECTED_MESSAGE},
        {V13, "\x17\x03\x01\x00\x20", SSL_AD_DECODE_ERROR},
        {V12, "\x17\x03\x01\x00\x20", SSL_AD_PROTOCOL_VERSION},
        {V12, "\x17\x02\x03\x00\x20", SSL_AD_PROTOCOL_VERSION},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t s = 0; s < SUITES; s++) {
            if ((cases[i].versions & (suites[s].version == TLS1_3_VERSION ? V13 : V12)) ==
                0)
                continue;
            connect_with(&suites[s]);
            feed(cases[i].header, 4, 1);
            assert_int_equal(server.last, TLS_NEED_INPUT);
            feed(cases[i].header + 4, 1, 1);
            assert_int_equal(server.last, TLS_FAILED);
            assert_int_equal(server.tls->alert_sent, cases[i].alert);
            end();
        }
    }
}

static void a_record_too_short_for_its_tag_is_refused(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUITES; s++) {
        for (char len = 0; len < 17; len++) {
            char record[5 + 17] = {23, 3, 3, 0, len};

            connect_with(&suites[s]);
            feed(record, 5 + (size_t)len, 3);
            assert_int_equal(server.last, TLS_FAILED);
            assert_int_equal(server.tls->alert_sent, SSL_AD_BAD_RECORD_MAC);
            end();
        }
    }
}

static void the_longest_record_is_taken_and_a_longer_one_refused(void **state)
{
    static char plain[16385];

    (void)state;
    for (size_t s = 0; s < SUITES; s++) {
        for (size_t more = 0; more < 2; more++) {
            struct forger forger;

            connect_with(&suites[s]);
            forger_init(&forger, server.tls);
            assert_true(tls_seal(&forger.tls, 23, plain, 16384 + more));
            feed(buffer_data(&forger.out), buffer_len(&forger.out), 5000);
            assert_int_equal(server.plain_len, more ? 0 : 16384);
            assert_int_equal(server.last, more ? TLS_FAILED : TLS_NEED_INPUT);
            if (more)
                assert_int_equal(server.tls->alert_sent, SSL_AD_RECORD_OVERFLOW);
            forger_destroy(&forger);
            end();
        }
    }
}

static void padding_is_no_data(void **state)
{
    struct forger forger;

    (void)state;
    connect_with(&suites[0]);
    forger_init(&forger, server.tls);
    /* Type 0 after "data", 23, and three zeros: padded data. */
    assert_true(tls_seal(&forger.tls, 0, "data\x17\0\0\0", 8));
    feed(buffer_data(&forger.out), buffer_len(&forger.out), 7);
    assert_int_equal(server.plain_len, 4);
    assert_memory_equal(server.plain, "data", 4);
    forger_destroy(&forger);
    end();
}

/* Each costs us and not the client. */
static void floods_end_the_session(void **state)
{
    static const struct {
        int versions;
        struct part part;
        int last;
    } cases[] = {
        {BOTH, PART(23, ""), TLS_FLOOD},
        {BOTH, PART(21, "\1\132"), TLS_FLOOD}, /* too many warnings */
        {V12, PART(22, "\1\0\0\0"), TLS_FLOOD},
        {V12, PART(22, "\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0"), TLS_FLOOD},
        {V12, PART(22, ""), TLS_FLOOD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t s = 0; s < SUITES; s++) {
            struct forger forger;

            if ((cases[i].versions & (suites[s].version == TLS1_3_VERSION ? V13 : V12)) ==
                0)
                continue;
            connect_with(&suites[s]);
            forger_init(&forger, server.tls);
            for (int n = 0; n < 100 && server.last == TLS_NEED_INPUT; n++) {
                buffer_clear(&forger.out);
                tls_seal(&forger.tls, cases[i].part.type, cases[i].part.bytes,
                    cases[i].part.len);
                feed(buffer_data(&forger.out), buffer_len(&forger.out), 1000);
            }
            assert_int_equal(server.last, cases[i].last);
            assert_int_equal(server.tls->alert_sent, SSL_AD_UNEXPECTED_MESSAGE);
            assert_true(buffer_len(&server.out) < 4096);
            forger_destroy(&forger);
            end();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usual_cipher_goes_on_without_openssl),
        cmocka_unit_test(an_unusual_cipher_stays_with_openssl),
        cmocka_unit_test(resumed_sessions_go_on_too),
        cmocka_unit_test(keys_are_computed_anew_when_others_took_their_place),
        cmocka_unit_test(a_short_fragment_asked_for_is_kept_to),
        cmocka_unit_test(our_keys_are_changed_before_they_wear_out),
        cmocka_unit_test(key_updates_of_the_client_are_followed_and_answered),
        cmocka_unit_test(a_key_update_is_answered_at_once),
        cmocka_unit_test(whatever_was_changed_on_the_way_is_refused),
        cmocka_unit_test(odd_records_are_answered_as_the_rfcs_say),
        cmocka_unit_test(bad_headers_are_refused_at_once),
        cmocka_unit_test(a_record_too_short_for_its_tag_is_refused),
        cmocka_unit_test(the_longest_record_is_taken_and_a_longer_one_refused),
        cmocka_unit_test(padding_is_no_data),
        cmocka_unit_test(floods_end_the_session),
    };
    struct error err;
    int failed;

    if (!engine_start(ENGINE_AUTO, &err) || !engine_seals_records()) {
        print_message("skipped: records are OpenSSL's: %s\n", engine_description());
        return 0;
    }
    failed = cmocka_run_group_tests(tests, make_contexts, free_contexts);
    engine_stop();
    return failed;
}
