/* Streams with TLS inside: handshakes and their order, alerts, and ends. */
#include "tests/unit/stream_tls_rig.h"

#include <poll.h>

#include "proxy/base/error.h"
#include "proxy/crypto/engine.h"

static void tls_is_hidden_and_ends_with_close_notify(void **state)
{
    char got[64];

    for (size_t v = 0; v < 2; v++) {
        forget(state);
        begin_tls(versions[v]);
        stream_write(&owner.stream, "early", 5);
        ITERATE_UNTIL(SSL_do_handshake(ssl) == 1 && owner.opened);
        SSL_write(ssl, "ping", 4);
        ITERATE_UNTIL(received("ping"));
        assert_int_equal(read_from_ssl(got, sizeof(got)), 5);
        SSL_shutdown(ssl);
        ITERATE_UNTIL(owner.close_notified);
        stream_write(&owner.stream, "pong", 4);
        stream_end(&owner.stream);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 0);
        assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
        assert_int_equal(owner.failed, 0);
        end_tls();
    }
}

static void a_cut_has_no_close_notify(void **state)
{
    char got[64];

    for (size_t v = 0; v < 2; v++) {
        forget(state);
        shake_hands(versions[v]);
        stream_write(&owner.stream, "half", 4);
        stream_cut(&owner.stream);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
        int n = read_from_ssl(got, sizeof(got));
        assert_true(n <= 0 && SSL_get_error(ssl, n) != SSL_ERROR_ZERO_RETURN);
        end_tls();
    }
}

static void each_end_is_told_for_what_it_is(void **state)
{
    enum { CLOSE_NOTIFY = 1, FIN = 2, RESET = 4, CASES = 8 };

    for (int v = 0; v < 2; v++)
        for (int ends = 1; ends < CASES; ends++) {
            struct linger at_once = {.l_onoff = 1};

            forget(state);
            shake_hands(versions[v]);
            a_few_iterations();
            assert_int_equal(SSL_write(ssl, "last", 4), 4);
            if (ends & CLOSE_NOTIFY)
                SSL_shutdown(ssl);
            ITERATE_UNTIL(received("last"));
            if (ends & FIN) {
                shutdown(peer, SHUT_WR);
                ITERATE_UNTIL(owner.fin);
            }
            if (ends & RESET) {
                setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                close(peer);
                peer = -1;
            }
            a_few_iterations();
            stream_write(&owner.stream, "x", 1);
            if (ends & RESET)
                ITERATE_UNTIL(owner.failed);
            ITERATE_UNTIL(owner.close_notified == ((ends & CLOSE_NOTIFY) != 0));
            assert_int_equal(owner.fin, (ends & FIN) != 0);
            assert_int_equal(owner.failed, (ends & RESET) != 0);
            if (ends & RESET)
                assert_int_equal(owner.reason, END_CLIENT_RESET);
            end_tls();
        }
}

/* The last bytes of the handshake and a request in one read. */
static void shake_hands_and_ask(void)
{
    begin_tls(TLS1_3_VERSION);
    ITERATE_UNTIL(SSL_do_handshake(ssl) == 1);
    assert_int_equal(SSL_write(ssl, "ask", 3), 3);
    ITERATE_UNTIL(received("ask"));
}

static void a_ticket_travels_with_the_answer(void **state)
{
    char got[64];
    struct pollfd tells = {.events = POLLIN};

    forget(state);
    shake_hands_and_ask();
    tells.fd = peer;
    assert_int_equal(poll(&tells, 1, 0), 0);
    stream_write(&owner.stream, "told", 4);
    iterate();
    assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(ssl)), 1);
    end_tls();

    forget(state); /* nor does it wait for a late answer */
    shake_hands_and_ask();
    tells.fd = peer;
    while (poll(&tells, 1, 1) == 0)
        iterate();
    end_tls();
}

/* Sends each record while the one before it waits in the engine for a batch. */
static void send_records_apart(BIO *flight)
{
    unsigned char record[4096];

    while (BIO_read(flight, record, 5) == 5) {
        int len = record[3] << 8 | record[4];

        assert_int_equal(BIO_read(flight, record + 5, len), len);
        send(peer, record, 5 + (size_t)len, 0);
        for (int i = 0; i < 2; i++) {
            loop.events_seen = true;
            iterate();
        }
    }
}

static void bytes_that_come_while_keys_are_awaited_are_read(void **state)
{
    SSL_CTX *stock = server_context;
    BIO *flight = BIO_new(BIO_s_mem());
    struct error err;

    forget(state);
    assert_true(engine_start(ENGINE_AUTO, &err));
    if (!engine_is_batched()) {
        BIO_free(flight);
        skip();
    }
    server_context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());
    assert_int_equal(
        SSL_CTX_use_cert_and_key(server_context, SSL_CTX_get0_certificate(stock),
            SSL_CTX_get0_privatekey(stock), NULL, 1),
        1);
    engine_adopt(server_context);
    begin_tls(TLS1_2_VERSION);
    SSL_set0_wbio(ssl, flight);
    ITERATE_UNTIL((SSL_do_handshake(ssl), send_records_apart(flight), owner.opened > 0));
    end_tls();
    SSL_CTX_free(server_context);
    server_context = stock;
    engine_stop();
}

enum { PENDING_HANDSHAKES_MANY = 40 };

static const struct stream_events ignored = {
    ignore, ignore_data, ignore, ignore, ignore, ignore, ignore_failure, ignore};

/* ClientHellos of clients that then send nothing more; each is expensive to answer. */
static void many_clients_say_hello(struct stream many_clients[PENDING_HANDSHAKES_MANY],
    int peers[PENDING_HANDSHAKES_MANY])
{
    SSL *client = SSL_new(client_context);
    BIO *hello = BIO_new(BIO_s_mem());
    char *bytes;
    int pair[2];

    SSL_set_bio(client, BIO_new(BIO_s_mem()), hello);
    SSL_set_connect_state(client);
    SSL_do_handshake(client);
    size_t len = (size_t)BIO_get_mem_data(hello, &bytes);
    for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i++) {
        tcp_pair(pair);
        peers[i] = pair[1];
        stream_accept(&many_clients[i], &loop, &ignored, pair[0],
            (struct tls_context *)server_context);
    }
    a_few_iterations();
    for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        assert_int_equal(send(peers[i], bytes, len, 0), len);
    SSL_free(client);
}

static void an_answered_handshake_does_not_queue_behind_new_ones(void **state)
{
    static struct stream many_clients[PENDING_HANDSHAKES_MANY];
    int peers[PENDING_HANDSHAKES_MANY];
    struct pollfd answered = {.events = POLLIN};

    forget(state);
    begin_tls(TLS1_3_VERSION);
    answered.fd = peer;
    assert_int_equal(SSL_do_handshake(ssl), -1);
    ITERATE_UNTIL(poll(&answered, 1, 0) == 1);
    assert_int_equal(owner.opened, 0);
    many_clients_say_hello(many_clients, peers);
    assert_int_equal(SSL_do_handshake(ssl), 1); /* and is the last in the queue */
    iterate();
    iterate();
    assert_int_equal(owner.opened, 1);
    for (size_t i = 0; i < PENDING_HANDSHAKES_MANY; i++) {
        stream_close(&many_clients[i]);
        close(peers[i]);
    }
    end_tls();
}

static bool a_few_iterations_see_nothing(void)
{
    loop.events_seen = false;
    a_few_iterations();
    return !loop.events_seen;
}

/* TLS itself answers some records: the answers must not grow without end. */
static void a_peer_that_leaves_too_much_unread_is_not_read_from(void **state)
{
    static char much[5 * STREAM_HIGH_WATER];
    char taken[4096];

    forget(state);
    shake_hands(TLS1_3_VERSION);
    while (stream_unsent(&owner.stream) < sizeof(much)) {
        stream_write(&owner.stream, much, sizeof(much));
        a_few_iterations();
    }
    SSL_write(ssl, "ask", 3);
    ITERATE_UNTIL(
        a_few_iterations_see_nothing()); /* the kernel takes the bytes when it can */
    assert_int_equal(buffer_len(&owner.data), 0);
    ITERATE_UNTIL(recv(peer, taken, sizeof(taken), MSG_DONTWAIT) < 0 && received("ask"));
    end_tls();
}

static void an_alert_reaches_a_peer_whose_bytes_we_never_read(void **state)
{
    static char more[5000];
    unsigned char alert[7];

    forget(state);
    owner.close_when_failed = true;
    accept_stream(server_context);
    send(peer, "\x16\x03\x01\x00\x05nonsense", 13, 0);
    ITERATE_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_HANDSHAKE_FAILED);
    send(peer, more, sizeof(more), 0);
    a_few_iterations();
    assert_int_equal(owner.closed, 0);
    ITERATE_UNTIL(recv(peer, alert, 7, MSG_DONTWAIT | MSG_PEEK) == 7);
    assert_int_equal(alert[0], 21);
    assert_int_equal(recv(peer, alert, 7, 0), 7);
    expect_fin();
    close(peer);
    ITERATE_UNTIL(owner.closed);
}

static void plain_http_is_answered_in_the_clear(void **state)
{
    forget(state);
    accept_stream(server_context);
    send(peer, "GET / HTTP/1.1\r\n\r\n", 18, 0);
    ITERATE_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_PLAIN_HTTP);
    assert_null(owner.stream.tls);
    stream_write(&owner.stream, "HTTP/1.1 400 ", 13);
    stream_end(&owner.stream);
    a_few_iterations();
    expect_from_peer("HTTP/1.1 400 ");
    expect_fin();
    send(peer, "more", 4, 0);
    shutdown(peer, SHUT_WR);
    ITERATE_UNTIL(owner.fin);
    assert_int_equal(owner.opened, 0);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tls_is_hidden_and_ends_with_close_notify),
        TEST(a_cut_has_no_close_notify),
        TEST(each_end_is_told_for_what_it_is),
        TEST(a_ticket_travels_with_the_answer),
        TEST(bytes_that_come_while_keys_are_awaited_are_read),
        TEST(an_answered_handshake_does_not_queue_behind_new_ones),
        TEST(a_peer_that_leaves_too_much_unread_is_not_read_from),
        TEST(an_alert_reaches_a_peer_whose_bytes_we_never_read),
        TEST(plain_http_is_answered_in_the_clear),
    };

    return cmocka_run_group_tests(tests, make_loop, free_loop);
}
