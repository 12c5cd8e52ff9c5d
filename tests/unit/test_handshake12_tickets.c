/* Sessions of TLS 1.2 and their tickets in native handshakes: which are resumed, which
 * are not, and which parts no client may change. */
#include "tests/unit/handshake_case.h"

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

/* RFC 8422, 4: a resumption negotiates no curve. */
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
    keys->count = 1; /* the old one is dropped */
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

static void expect_no_ticket(void)
{
    settle();
    assert_done();
    assert_false(SSL_SESSION_has_ticket(SSL_get_session(rig.client)));
    end();
}

static void a_client_without_tickets_gets_none(void **state)
{
    (void)state;
    SSL_CTX_set_options(rig.clients, SSL_OP_NO_TICKET);
    begin();
    expect_no_ticket();
}

static void without_keys_for_tickets_there_are_none(void **state)
{
    (void)state;
    rig.service.tickets.count = 0;
    begin();
    expect_no_ticket();
}

/* The extension was answered already, so an empty ticket follows (RFC 5077, 3.3). */
static void without_keys_meanwhile_the_ticket_is_empty(void **state)
{
    (void)state;
    await_key_exchange();
    memset(&rig.service.tickets, 0, sizeof(rig.service.tickets));
    expect_no_ticket();
}

/* A hello with a ticket that contains `known`, of which one byte is changed. */
static void expect_refusal_without(
    const char *known, size_t len, size_t which, char other, int alert)
{
    SSL_SESSION *session = session_of_a_full_handshake();
    struct buffer hello = {0};
    char *at;

    begin_with(session);
    run_client();
    take_from_client(&hello);
    at = memmem(hello.bytes + hello.start, buffer_len(&hello), known, len);
    assert_non_null(at);
    at[which] = other;
    deliver((unsigned char *)hello.bytes + hello.start, buffer_len(&hello));
    assert_refused(alert);
    buffer_destroy(&hello);
    SSL_SESSION_free(session);
}

/* RFC 7627, 5.3, and RFC 5246, 7.4.1.2: the client must still offer what the session
 * had. */
static void a_session_whose_suite_is_gone_is_refused(void **state)
{
    (void)state;
    /* The other suite is then there twice, which does no harm. */
    expect_refusal_without("\xc0\x2c", 2, 1, 0x2b, SSL_AD_ILLEGAL_PARAMETER);
}

static void a_session_without_extended_master_secret_is_refused(void **state)
{
    (void)state;
    /* It becomes an unknown extension. */
    expect_refusal_without("\0\x17\0\0", 4, 0, 0x77, SSL_AD_HANDSHAKE_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_is_resumed_by_its_ticket),
        TEST(a_resumed_session_has_no_point_formats),
        TEST(a_ticket_of_an_old_key_is_renewed_and_keeps_its_age),
        TEST(a_session_of_another_service_is_not_resumed),
        TEST(a_client_without_tickets_gets_none),
        TEST(without_keys_for_tickets_there_are_none),
        TEST(without_keys_meanwhile_the_ticket_is_empty),
        TEST(a_session_whose_suite_is_gone_is_refused),
        TEST(a_session_without_extended_master_secret_is_refused),
    };

    return RUN_WITH_BOTH_ENGINES(tests);
}
