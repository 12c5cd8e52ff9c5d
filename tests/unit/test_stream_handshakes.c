/* Streams and the handshake scheduler: a real loop and real handshakes, on a clock that
 * advances 100 us at each reading, so that a slice of time is a handshake or two. */
#include "tests/unit/loop_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


enum { MANY = 70, LOOK = 100 * 1000 /* ns */ };

/* A stream, and its peer, which sends what the test tells it. */
struct one {
    struct stream stream;
    SSL *client;
    int peer;
    bool opened, closed;
};

static struct one many_clients[MANY], alone;

static struct one *one_of(struct stream *s)
{
    return container_of(s, struct one, stream);
}

static void on_opened(struct stream *s)
{
    one_of(s)->opened = true;
}

static void on_closed(struct stream *s)
{
    one_of(s)->closed = true;
}

static const struct stream_events events = {
    on_opened, ignore_data, ignore, ignore, ignore, ignore, ignore_failure, on_closed};

/* Bytes are read in one iteration, and handled in the next. */
static void see_and_act(void)
{
    iterate();
    iterate();
}

static uint64_t now_by_looks(void)
{
    static uint64_t now = (uint64_t)3600 * 1000 * 1000 * 1000;

    return now += LOOK;
}

static int start(void **state)
{
    static struct handshake_environment environment;

    (void)state;
    loop_init(&loop);
    environment = *loop.handshakes.environment;
    environment.now = now_by_looks;
    handshake_scheduler_init(&loop.handshakes, &environment);
    make_server_context();
    memset(many_clients, 0, sizeof(many_clients));
    memset(&alone, 0, sizeof(alone));
    return 0;
}

static void connect_one(struct one *one, unsigned priority, int tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int pair[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    one->peer = pair[1];
    stream_accept(
        &one->stream, &loop, &events, pair[0], (struct tls_context *)server_context);
    stream_set_priority(&one->stream, priority);
    SSL_CTX_set_max_proto_version(context, tls);
    one->client = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(one->client, one->peer);
    SSL_set_connect_state(one->client);
}

static void say(struct one *one)
{
    (void)SSL_do_handshake(one->client);
}

static void disconnect(struct one *one)
{
    stream_close(&one->stream);
    ITERATE_UNTIL(one->closed);
    SSL_free(one->client);
    close(one->peer);
}

static bool is_answered(const struct one *one)
{
    struct pollfd answer = {.fd = one->peer, .events = POLLIN};

    return poll(&answer, 1, 0) == 1;
}

static void open_many_handshakes(unsigned priority)
{
    for (int i = 0; i < MANY; i++)
        connect_one(&many_clients[i], priority, TLS1_3_VERSION);
    iterate();
    for (int i = 0; i < MANY; i++)
        say(&many_clients[i]);
}

static void close_many_handshakes(void)
{
    for (int i = 0; i < MANY; i++)
        disconnect(&many_clients[i]);
}

static int stop(void **state)
{
    (void)state;
    loop_destroy(&loop);
    SSL_CTX_free(server_context);
    return 0;
}

static uint32_t awaited_peers(void)
{
    return loop.handshakes.awaiting_peer_count;
}

static void finish_one(int tls)
{
    connect_one(&alone, 1, tls);
    ITERATE_UNTIL((say(&alone), alone.opened));
    disconnect(&alone);
    memset(&alone, 0, sizeof(alone));
}

static void a_verified_client_does_not_wait_behind_many_handshakes(void **state)
{
    (void)state;
    open_many_handshakes(HANDSHAKE_PRIORITIES - 1);
    connect_one(&alone, 0, TLS1_3_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    assert_false(is_answered(&many_clients[MANY - 1]));
    disconnect(&alone);
    close_many_handshakes();
}

/* Even if it comes from the same address as the others. */
static void a_client_with_a_completing_fingerprint_is_not_limited(void **state)
{
    (void)state;
    finish_one(TLS1_2_VERSION);
    open_many_handshakes(2);
    connect_one(&alone, 2, TLS1_2_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    disconnect(&alone);
    memset(&alone, 0, sizeof(alone));
    connect_one(&alone, 2, TLS1_3_VERSION); /* its hello is that of clients that do not
                                             * continue */
    say(&alone);
    see_and_act();
    assert_false(is_answered(&alone));
    disconnect(&alone);
    close_many_handshakes();
}

static void an_unanswered_client_spoils_no_fingerprint(void **state)
{
    (void)state;
    finish_one(TLS1_3_VERSION);
    open_many_handshakes(2);
    see_and_act();
    unsigned fingerprint = many_clients[MANY - 1].stream.handshake.fingerprint,
             answered = 0;
    assert_true(fingerprints_complete(&loop.handshakes.fingerprints, fingerprint));
    assert_false(is_answered(&many_clients[MANY - 1]));
    for (int i = 0; i < MANY; i++)
        answered += stream_is_answered(&many_clients[i].stream);
    for (int i = 0; i < MANY; i++)
        stream_close(&many_clients[i].stream);
    assert_int_equal(loop.handshakes.fingerprints.of[fingerprint].broken, answered);
    close_many_handshakes();
}

/* The loop is not notified again and again of a handshake that waits for the scheduler
 * anyway. */
static void a_socket_whose_handshake_waits_for_us_is_not_watched(void **state)
{
    struct one *last = &many_clients[MANY - 1];

    (void)state;
    open_many_handshakes(2);
    assert_int_equal(awaited_peers(), MANY);
    see_and_act();
    iterate();
    assert_in_range(awaited_peers(), 1, MANY - 1);
    assert_false(is_answered(last));
    assert_int_equal(last->stream.poller.wanted & EPOLLIN, 0);
    ITERATE_UNTIL(is_answered(last));
    iterate();
    assert_int_not_equal(last->stream.poller.wanted & EPOLLIN, 0);
    assert_int_equal(awaited_peers(), MANY);
    ITERATE_UNTIL((say(last), last->opened));
    assert_int_equal(awaited_peers(), MANY - 1);
    close_many_handshakes();
    assert_int_equal(awaited_peers(), 0);
}

static void half_a_hello_is_no_progress(void **state)
{
    (void)state;
    connect_one(&alone, 1, TLS1_3_VERSION);
    iterate();
    uint64_t accepted = alone.stream.handshake.peer_awaited_since;
    assert_int_equal(send(alone.peer, "\x16", 1, 0), 1);
    see_and_act();
    assert_int_equal(awaited_peers(), 1);
    assert_true(alone.stream.handshake.peer_awaited_since == accepted);
    assert_false(stream_is_answered(&alone.stream));
    disconnect(&alone);
    memset(&alone, 0, sizeof(alone));
    connect_one(&alone, 1, TLS1_3_VERSION);
    accepted = alone.stream.handshake.peer_awaited_since;
    say(&alone);
    ITERATE_UNTIL(stream_is_answered(&alone.stream));
    assert_true(alone.stream.handshake.peer_awaited_since > accepted);
    disconnect(&alone);
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        FRESH(a_verified_client_does_not_wait_behind_many_handshakes),
        FRESH(a_client_with_a_completing_fingerprint_is_not_limited),
        FRESH(an_unanswered_client_spoils_no_fingerprint),
        FRESH(a_socket_whose_handshake_waits_for_us_is_not_watched),
        FRESH(half_a_hello_is_no_progress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
