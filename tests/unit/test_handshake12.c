/* Handshakes of TLS 1.2 of our own: OpenSSL's client takes them for what they say they
 * are, and what no client may send is refused as OpenSSL would. */
#include "tests/unit/handshake_rig.h"

static enum engine_choice choice;

static int start(void **state)
{
    struct error err;

    (void)state;
    return engine_start(choice, &err) && engine_seals_records() ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    engine_stop();
    return 0;
}

/* Without batches P-384 alone is ours. */
static int open_default(void **state)
{
    (void)state;
    rig_open("", "P-384");
    SSL_CTX_set1_groups_list(rig.clients, "X25519:P-256:P-384");
    return 0;
}

static int close_default(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static void assert_done(void)
{
    assert_non_null(rig.handshake);
    assert_int_equal(rig.handshake->state, HANDSHAKE_DONE);
    assert_true(SSL_is_init_finished(rig.client));
    assert_string_equal(SSL_get_cipher(rig.client), rig.handshake->suite->name);
    assert_int_equal(SSL_get_extms_support(rig.client), 1);
}

/* Both ways, by the keys that were agreed on. */
static void talk(void)
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

static void every_suite_group_and_key_shakes_hands(void **state)
{
    static const char *const keys[] = {"2048", "3072", "4096", "P-256", "P-384"};
    static const char *const groups[] = {"X25519", "P-256", "P-384"};
    static const char *const suites[] = {
        "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"};

    (void)state;
    for (size_t k = 0; k < 5; k++) {
        bool rsa = keys[k][0] != 'P';

        for (size_t i = 0; i < 9; i++) {
            char suite[64], list[32];
            const char *group = groups[i / 3];

            (void)snprintf(suite, sizeof(suite), "ECDHE-%s-%s", rsa ? "RSA" : "ECDSA",
                suites[i % 3]);
            /* The client has to know the certificate's curve, but ours is the choice. */
            (void)snprintf(list, sizeof(list), "groups = %s", group);
            rig_open(list, keys[k]);
            SSL_CTX_set_cipher_list(rig.clients, suite);
            begin();
            settle();
            assert_done();
            assert_string_equal(SSL_get_cipher(rig.client), suite);
            assert_false(rig.handshake->resumed);
            assert_true(rig.handshake->scheme->rsa == rsa);
            talk();
            end();
            rig_close();
        }
    }
}

/* The client has to verify it with each of them. */
static void every_signature_scheme_is_used_that_the_client_wants(void **state)
{
    static const char *const rsa[] = {"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
        "rsa_pss_rsae_sha512", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512"};
    static const char *const ec[] = {"ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512"};

    (void)state;
    for (size_t i = 0; i < 6 + 3; i++) {
        rig_open("groups = P-384", i < 6 ? "2048" : "P-256");
        assert_int_equal(
            SSL_CTX_set1_sigalgs_list(rig.clients, i < 6 ? rsa[i] : ec[i - 6]), 1);
        begin();
        settle();
        assert_done();
        end();
        rig_close();
    }
}

static SSL_SESSION *session_of_a_full_handshake(void)
{
    SSL_SESSION *session;

    begin();
    settle();
    assert_done();
    assert_false(rig.handshake->resumed);
    session = SSL_get1_session(rig.client);
    assert_true(SSL_SESSION_has_ticket(session));
    end();
    return session;
}

static void begin_with(SSL_SESSION *session)
{
    begin();
    assert_int_equal(SSL_set_session(rig.client, session), 1);
}

/* Up to the server's first flight; NULL: there is no session. */
static void await_answer(SSL_SESSION *session)
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

static void await_key_exchange(void)
{
    await_answer(NULL);
}

static void a_session_is_resumed_by_its_ticket(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake();

    (void)state;
    assert_int_equal(SSL_SESSION_get_ticket_lifetime_hint(session), SESSION_SECONDS);
    for (int i = 0; i < 3; i++) {
        begin_with(session);
        settle();
        assert_done();
        assert_true(rig.handshake->resumed);
        assert_int_equal(SSL_session_reused(rig.client), 1);
        assert_null(rig.handshake->scheme);
        assert_int_equal(rig.handshake->group->tls_id, 29);
        talk();
        end();
    }
    SSL_SESSION_free(session);
}

static bool names_point_formats(void)
{
    return memmem(buffer_data(&rig.to_client), buffer_len(&rig.to_client),
               "\0\x0b\0\2\1\0", 6) != NULL;
}

/* RFC 8422, 4: of curves nothing is agreed on anew. */
static void a_resumed_session_has_no_point_formats(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake();

    (void)state;
    await_key_exchange();
    assert_true(names_point_formats());
    end();
    await_answer(session);
    assert_true(rig.handshake->resumed);
    assert_false(names_point_formats());
    end();
    SSL_SESSION_free(session);
}

static void a_ticket_of_an_old_key_is_renewed_and_keeps_its_age(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake(), *next;
    struct ticket_keys *keys = &rig.service.tickets;

    (void)state;
    keys->keys[1] = keys->keys[0];
    memset(keys->keys[0].name, 'n', sizeof(keys->keys[0].name));
    keys->count = 2;
    begin_with(session);
    settle();
    assert_done();
    assert_true(rig.handshake->resumed);
    next = SSL_get1_session(rig.client);
    assert_ptr_not_equal(next, session);
    end();
    keys->count = 1; /* the old one is gone */
    begin_with(next);
    settle();
    assert_done();
    assert_true(rig.handshake->resumed);
    end();
    begin_with(session);
    settle();
    assert_done();
    assert_false(rig.handshake->resumed);
    end();
    SSL_SESSION_free(session);
    SSL_SESSION_free(next);
}

static void a_session_of_another_service_is_not_resumed(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake();

    (void)state;
    service_destroy(&rig.service);
    service_make(&rig.service, "another", "", "P-384");
    begin_with(session);
    settle();
    assert_done();
    assert_false(rig.handshake->resumed);
    end();
    SSL_SESSION_free(session);
}

static void a_client_without_tickets_gets_none(void **state)
{
    SSL_SESSION *session;

    (void)state;
    SSL_CTX_set_options(rig.clients, SSL_OP_NO_TICKET);
    begin();
    settle();
    assert_done();
    session = SSL_get1_session(rig.client);
    assert_false(SSL_SESSION_has_ticket(session));
    SSL_SESSION_free(session);
    end();
}

static void without_keys_for_tickets_there_are_none(void **state)
{
    SSL_SESSION *session;

    (void)state;
    rig.service.tickets.count = 0;
    begin();
    settle();
    assert_done();
    session = SSL_get1_session(rig.client);
    assert_false(SSL_SESSION_has_ticket(session));
    SSL_SESSION_free(session);
    end();
}

/* The extension was answered already: an empty one follows (RFC 5077, 3.3). */
static void without_keys_meanwhile_the_ticket_is_empty(void **state)
{
    SSL_SESSION *session;

    (void)state;
    await_key_exchange();
    memset(&rig.service.tickets, 0, sizeof(rig.service.tickets));
    settle();
    assert_done();
    session = SSL_get1_session(rig.client);
    assert_false(SSL_SESSION_has_ticket(session));
    SSL_SESSION_free(session);
    end();
}

/* RFC 8446, 4.1.3, as TLS 1.3 is possible here. */
static void the_random_value_says_that_more_was_possible(void **state)
{
    unsigned char random[32];

    (void)state;
    begin();
    settle();
    assert_done();
    SSL_get_server_random(rig.client, random, sizeof(random));
    assert_memory_equal(random + 24, "DOWNGRD\1", 8);
    end();
}

static void name_and_protocol_are_taken(void **state)
{
    static const unsigned char protocols[] = "\2h2\x08http/1.1";
    const unsigned char *chosen;
    unsigned len;

    (void)state;
    begin();
    SSL_set_tlsext_host_name(rig.client, "wlb.example");
    SSL_set_alpn_protos(rig.client, protocols, sizeof(protocols) - 1);
    settle();
    assert_done();
    SSL_get0_alpn_selected(rig.client, &chosen, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    assert_string_equal(rig.handshake->protocol, "http/1.1");
    assert_string_equal(rig.handshake->host_name, "wlb.example");
    end();
}

static void assert_refused(int alert)
{
    assert_int_equal(rig.handshake->state, HANDSHAKE_FAILED);
    assert_int_equal(rig.handshake->alert, alert);
    end();
}

static void a_bad_key_exchange_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int alert;
    } cases[] = {
        {"\x10\0\0\0", 4, SSL_AD_HANDSHAKE_FAILURE},
        {"\x10\0\0\2\5\4", 6, SSL_AD_DECODE_ERROR},
        {"\x10\0\0\3\1\4\4", 7, SSL_AD_DECODE_ERROR},
        {"\x0f\0\0\1\0", 5, SSL_AD_UNEXPECTED_MESSAGE},
        {"\x14\0\0\x0c\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", 16, SSL_AD_UNEXPECTED_MESSAGE},
        {"\1\0\0\0", 4, SSL_AD_UNEXPECTED_MESSAGE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        await_key_exchange();
        deliver_message((const unsigned char *)cases[i].bytes, cases[i].len);
        assert_refused(cases[i].alert);
    }
    await_key_exchange();
    assert_false(handshake_expects(rig.handshake, 16, 2049));
    assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    await_key_exchange();
    handshake_change_cipher_spec(rig.handshake);
    assert_refused(SSL_AD_UNEXPECTED_MESSAGE);
}

/* On no curve, and of another length. */
static void a_bad_point_is_refused(void **state)
{
    unsigned char message[4 + 1 + 97] = {16, 0, 0, 98, 97, 4};

    (void)state;
    SSL_CTX_set1_groups_list(rig.clients, "P-384");
    for (int i = 0; i < 2; i++) {
        await_key_exchange();
        message[3] = i == 0 ? 98 : 97;
        message[4] = i == 0 ? 97 : 96;
        message[50] = 1;
        deliver_message(message, i == 0 ? sizeof(message) : sizeof(message) - 1);
        assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    }
}

/* Up to the change of ciphers, and it. */
static void await_finished(struct buffer *rest)
{
    unsigned char *bytes;

    await_key_exchange();
    run_client();
    take_from_client(rest);
    for (int i = 0; i < 2; i++) {
        bytes = (unsigned char *)rest->bytes + rest->start;
        size_t len = RECORD_HEADER + number(bytes + 3, 2);

        deliver(bytes, len);
        buffer_consume(rest, len);
    }
    assert_int_equal(rig.handshake->state, HANDSHAKE_AWAITS_CLIENT);
}

static void a_bad_finished_is_refused(void **state)
{
    static const unsigned char wrong[16] = {20, 0, 0, 12}, shorter[15] = {20, 0, 0, 11},
                               longer[17] = {20, 0, 0, 13};
    struct buffer rest = {0};

    (void)state;
    await_finished(&rest);
    deliver_message(wrong, sizeof(wrong));
    assert_refused(SSL_AD_DECRYPT_ERROR);
    await_finished(&rest);
    deliver_message(shorter, sizeof(shorter));
    assert_refused(SSL_AD_DECODE_ERROR);
    await_finished(&rest);
    deliver_message(longer, sizeof(longer));
    assert_refused(SSL_AD_DECODE_ERROR);
    await_finished(&rest);
    assert_false(handshake_expects(rig.handshake, 20, 65));
    assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    await_finished(&rest);
    handshake_change_cipher_spec(rig.handshake);
    assert_refused(SSL_AD_UNEXPECTED_MESSAGE);
    await_finished(&rest);
    deliver((unsigned char *)rest.bytes + rest.start, buffer_len(&rest));
    assert_int_equal(rig.handshake->state, HANDSHAKE_DONE);
    end();
    buffer_destroy(&rest);
}

/* RFC 7627, 5.3, and RFC 5246, 7.4.1.2: what it had the client must still have. */
static void a_session_whose_suite_is_gone_is_refused(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake();
    struct buffer hello = {0};
    unsigned char *at;

    (void)state;
    begin_with(session);
    run_client();
    take_from_client(&hello);
    at = memmem(hello.bytes + hello.start, buffer_len(&hello), "\xc0\x2c", 2);
    assert_non_null(at);
    at[1] = 0x2b; /* twice there, which does no harm */
    deliver((unsigned char *)hello.bytes + hello.start, buffer_len(&hello));
    assert_refused(SSL_AD_ILLEGAL_PARAMETER);
    buffer_destroy(&hello);
    SSL_SESSION_free(session);
}

static void a_session_without_extended_master_secret_is_refused(void **state)
{
    SSL_SESSION *session = session_of_a_full_handshake();
    struct buffer hello = {0};
    unsigned char *at;

    (void)state;
    begin_with(session);
    run_client();
    take_from_client(&hello);
    at = memmem(hello.bytes + hello.start, buffer_len(&hello), "\0\x17\0\0", 4);
    assert_non_null(at);
    at[0] = 0x77; /* an extension nobody knows */
    deliver((unsigned char *)hello.bytes + hello.start, buffer_len(&hello));
    assert_refused(SSL_AD_HANDSHAKE_FAILURE);
    buffer_destroy(&hello);
    SSL_SESSION_free(session);
}

/* Freed while its operations wait, and after. */
static void a_handshake_may_end_at_any_time(void **state)
{
    struct buffer bytes = {0};

    (void)state;
    begin();
    run_client();
    take_from_client(&bytes);
    rig.handshake = handshake_begin(rig.service.context,
        (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER,
        buffer_len(&bytes) - RECORD_HEADER, &rig.output);
    assert_non_null(rig.handshake);
    end();
    assert_int_equal(engine_pending(), 0);
    await_key_exchange();
    run_client();
    take_from_client(&bytes);
    handshake_message(rig.handshake,
        (unsigned char *)bytes.bytes + bytes.start + RECORD_HEADER,
        RECORD_HEADER - 1 + 1 + 32, true);
    assert_int_equal(rig.handshake->state, HANDSHAKE_AWAITS_KEYS);
    end();
    assert_int_equal(engine_pending(), 0);
    buffer_destroy(&bytes);
}

static int run(enum engine_choice how)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_default, close_default)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_group_and_key_shakes_hands),
        cmocka_unit_test(every_signature_scheme_is_used_that_the_client_wants),
        TEST(a_session_is_resumed_by_its_ticket),
        TEST(a_resumed_session_has_no_point_formats),
        TEST(a_ticket_of_an_old_key_is_renewed_and_keeps_its_age),
        TEST(a_session_of_another_service_is_not_resumed),
        TEST(a_client_without_tickets_gets_none),
        TEST(without_keys_for_tickets_there_are_none),
        TEST(without_keys_meanwhile_the_ticket_is_empty),
        TEST(the_random_value_says_that_more_was_possible),
        TEST(name_and_protocol_are_taken),
        TEST(a_bad_key_exchange_is_refused),
        TEST(a_bad_point_is_refused),
        TEST(a_bad_finished_is_refused),
        TEST(a_session_whose_suite_is_gone_is_refused),
        TEST(a_session_without_extended_master_secret_is_refused),
        TEST(a_handshake_may_end_at_any_time),
    };
#undef TEST

    choice = how;
    return cmocka_run_group_tests(tests, start, stop);
}

int main(void)
{
    int failed = run(ENGINE_AUTO);

    return failed + run(ENGINE_OWN);
}
