/* Records that no honest client sends, and the answers to them. */
#include "tests/unit/tls_forger.h"
#include "tests/unit/tls_suites.h"

static void a_record_changed_on_the_way_is_refused(void **state)
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
            /* With another length the record may not be complete. */
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

/* The content of a record. One without content ends the case. */
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

/* The alert that the client got, decrypted by it; -1: none. */
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
        assert_true(buffer_len(&server.out) > 0); /* a warning: the session continues */
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

/* The header is in the clear: type, version and length are judged before the body has
 * come. */
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

/* Such records cost us and not the client. */
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
        cmocka_unit_test(a_record_changed_on_the_way_is_refused),
        cmocka_unit_test(odd_records_are_answered_as_the_rfcs_say),
        cmocka_unit_test(bad_headers_are_refused_at_once),
        cmocka_unit_test(a_record_too_short_for_its_tag_is_refused),
        cmocka_unit_test(the_longest_record_is_taken_and_a_longer_one_refused),
        cmocka_unit_test(padding_is_no_data),
        cmocka_unit_test(floods_end_the_session),
    };
    int failed;

    if (!start_native())
        return 0;
    failed = cmocka_run_group_tests(tests, make_contexts, free_contexts);
    engine_stop();
    return failed;
}
