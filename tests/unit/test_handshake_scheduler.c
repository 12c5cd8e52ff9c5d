/* Who is served first, in a turn of the loop, while many hellos wait. */
#include "tests/unit/loop_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/error.h"

enum { PENDING_HANDSHAKES_MANY = 70, KNOWN = 400 };

/* A stream, and its peer, who says what it is told to. */
struct one {
    struct stream stream;
    SSL *client;
    int peer;
    bool opened, closed;
};

static struct one many_clients[PENDING_HANDSHAKES_MANY], alone;

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

/* What has come is seen in one turn, and seen to in the next. */
static void see_and_act(void)
{
    turn();
    turn();
}

static int start(void **state)
{
    (void)state;
    loop_init(&loop);
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
    TURN_UNTIL(one->closed);
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
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        connect_one(&many_clients[i], priority, TLS1_3_VERSION);
    turn();
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        say(&many_clients[i]);
}

static void close_many_handshakes(void)
{
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        disconnect(&many_clients[i]);
}

static int stop(void **state)
{
    (void)state;
    loop_destroy(&loop);
    SSL_CTX_free(server_context);
    return 0;
}

static int start_batched(void **state)
{
    struct error err;

    assert_true(engine_start(ENGINE_AUTO, &err));
    return start(state);
}

static int stop_batched(void **state)
{
    (void)stop(state);
    engine_stop();
    return 0;
}

static void a_verified_client_does_not_wait_behind_many_handshakes(void **state)
{
    (void)state;
    open_many_handshakes(LOOP_PRIORITIES - 1);
    connect_one(&alone, 0, TLS1_3_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    assert_false(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    disconnect(&alone);
    close_many_handshakes();
}

static void a_priority_goes_before_the_next(void **state)
{
    (void)state;
    open_many_handshakes(2);
    connect_one(&alone, 1, TLS1_3_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    disconnect(&alone);
    close_many_handshakes();
}

static void the_lowest_priority_does_not_starve(void **state)
{
    (void)state;
    connect_one(&alone, 2, TLS1_3_VERSION);
    open_many_handshakes(1);
    say(&alone);
    TURN_UNTIL(is_answered(&alone));
    assert_false(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    disconnect(&alone);
    close_many_handshakes();
}

/* As if all the time had gone by that it may. */
static void do_not_hold_any_longer(void)
{
    loop.held.due = 0;
    deadlines_expire(&loop.deadlines, loop_now(&loop));
}

/* Many stand still, and in each turn there is one who is known, and comes first. */
static void a_unverified_clients_keys_are_not_put_off_for_ever(void **state)
{
    static struct one known[KNOWN];
    int turns = 0;

    (void)state;
    if (!engine_is_batched())
        skip();
    memset(known, 0, sizeof(known));
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        connect_one(&many_clients[i], 2, TLS1_3_VERSION);
    connect_one(&alone, 1, TLS1_3_VERSION);
    turn();
    for (; turns < KNOWN && !is_answered(&alone); turns++) {
        connect_one(&known[turns], 0, TLS1_3_VERSION);
        say(&known[turns]);
        if (turns == 2)
            say(&alone);
        turn();
        if (turns > KNOWN / 2)
            do_not_hold_any_longer();
    }
    assert_true(is_answered(&alone));
    disconnect(&alone);
    while (turns-- > 0)
        disconnect(&known[turns]);
    close_many_handshakes();
}

/* Others are about, whose budget is larger than there will ever be. */
static void unverified_clients_proceed_on_an_exhausted_budget(void **state)
{
    (void)state;
    connect_one(&alone, 1, TLS1_3_VERSION);
    turn();
    say(&alone);
    for (int i = 0; i < 20; i++) {
        loop.served_at = uv_hrtime();
        loop.cpu_budget_exhausted_until = UINT64_MAX;
        loop.unverified_ran_at = 0;
        turn();
    }
    assert_true(is_answered(&alone));
    disconnect(&alone);
}

static void finish_one(int tls)
{
    connect_one(&alone, 1, tls);
    TURN_UNTIL((say(&alone), alone.opened));
    disconnect(&alone);
    memset(&alone, 0, sizeof(alone));
}

/* Even if it comes from where the many_clients does. */
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
    connect_one(&alone, 2,
        TLS1_3_VERSION); /* and the many_clients's fingerprint is worth nothing */
    say(&alone);
    see_and_act();
    assert_false(is_answered(&alone));
    disconnect(&alone);
    close_many_handshakes();
}

static void a_fingerprint_without_completions_is_worth_nothing(void **state)
{
    (void)state;
    finish_one(TLS1_3_VERSION);
    open_many_handshakes(2);
    TURN_UNTIL(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    close_many_handshakes();
    memset(many_clients, 0, sizeof(many_clients));
    open_many_handshakes(2);
    connect_one(&alone, 1, TLS1_2_VERSION);
    say(&alone);
    see_and_act();
    turn(); /* every now and then one of the many_clients is first */
    assert_true(is_answered(&alone));
    assert_false(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    disconnect(&alone);
    close_many_handshakes();
}

static void an_unanswered_client_spoils_no_fingerprint(void **state)
{
    (void)state;
    finish_one(TLS1_3_VERSION);
    open_many_handshakes(2);
    see_and_act();
    unsigned fingerprint = many_clients[PENDING_HANDSHAKES_MANY - 1].stream.fingerprint,
             answered = 0;
    assert_true(fingerprints_complete(&loop.fingerprints, fingerprint));
    assert_false(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        answered += stream_is_answered(&many_clients[i].stream);
    for (int i = 0; i < PENDING_HANDSHAKES_MANY; i++)
        stream_close(&many_clients[i].stream);
    assert_int_equal(loop.fingerprints.of[fingerprint].broken, answered);
    close_many_handshakes();
}

static void who_waits_for_whom_is_known(void **state)
{
    (void)state;
    assert_int_equal(stream_longest_wait(&loop, LOOP_PRIORITIES), 0);
    assert_null(stream_lowest_priority(&loop));
    open_many_handshakes(2);
    assert_int_equal(stream_awaiting_peer_count(&loop), PENDING_HANDSHAKES_MANY);
    see_and_act();
    assert_int_not_equal(stream_awaiting_peer_count(&loop), PENDING_HANDSHAKES_MANY);
    struct stream *first = stream_lowest_priority(&loop);
    assert_ptr_not_equal(first, &many_clients[0].stream);
    assert_non_null(first);
    first->queued_at -= 700;
    assert_in_range(stream_longest_wait(&loop, LOOP_PRIORITIES), 700, 60 * 1000);
    assert_int_equal(stream_longest_wait(&loop, 2), 0);
    TURN_UNTIL(stream_awaiting_peer_count(&loop) == PENDING_HANDSHAKES_MANY);
    assert_null(stream_lowest_priority(&loop));
    assert_true(stream_is_answered(first));
    close_many_handshakes();
    assert_int_equal(stream_awaiting_peer_count(&loop), 0);
}

/* The loop is not told again and again of what waits for its turn anyway. */
static void who_waits_in_a_queue_is_not_watched(void **state)
{
    struct stream *last = &many_clients[PENDING_HANDSHAKES_MANY - 1].stream;

    (void)state;
    open_many_handshakes(2);
    see_and_act();
    turn();
    assert_false(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    assert_int_equal(last->poller.wanted & EPOLLIN, 0);
    TURN_UNTIL(is_answered(&many_clients[PENDING_HANDSHAKES_MANY - 1]));
    turn();
    assert_int_not_equal(last->poller.wanted & EPOLLIN, 0);
    TURN_UNTIL((say(&many_clients[PENDING_HANDSHAKES_MANY - 1]),
        many_clients[PENDING_HANDSHAKES_MANY - 1].opened));
    close_many_handshakes();
}

static void expect_silent(const int *order)
{
    struct stream *s = NULL;

    for (; *order >= 0; order++) {
        s = stream_next_awaiting_peer(&loop, s);
        assert_ptr_equal(s, &many_clients[*order].stream);
    }
    assert_null(stream_next_awaiting_peer(&loop, s));
}

static void the_longest_awaited_peer_comes_first(void **state)
{
    static const int all[] = {0, 1, 2, -1}, spoke[] = {1, 2, 0, -1}, left[] = {2, 0, -1};
    static const int open[] = {2, -1};

    (void)state;
    for (int i = 0; i < 3; i++)
        connect_one(&many_clients[i], 1, TLS1_3_VERSION);
    turn();
    expect_silent(all);
    many_clients[0].stream.peers_turn -= 50; /* long before it speaks */
    assert_int_equal(send(many_clients[0].peer, "\x16", 1, 0), 1);
    see_and_act();
    see_and_act();
    expect_silent(spoke);
    assert_in_range(stream_awaiting_peer_ms(&many_clients[0].stream), 50, 60 * 1000);
    stream_close(&many_clients[1].stream);
    expect_silent(left);
    disconnect(&many_clients[0]);
    memset(&many_clients[0], 0, sizeof(many_clients[0]));
    connect_one(&many_clients[0], 1, TLS1_3_VERSION);
    uint64_t accepted = many_clients[0].stream.peers_turn;
    many_clients[0].stream.peers_turn -= 50;
    say(&many_clients[0]);
    TURN_UNTIL(stream_is_answered(&many_clients[0].stream));
    expect_silent(left);
    assert_true(many_clients[0].stream.peers_turn >= accepted);
    TURN_UNTIL((say(&many_clients[0]), many_clients[0].opened));
    expect_silent(open);
    for (int i = 0; i < 3; i++)
        disconnect(&many_clients[i]);
}

static void unverified_clients_get_half_of_the_time_beside_others(void **state)
{
    enum { MS = 1000 * 1000 };
    uint64_t now = (uint64_t)1000 * MS;

    (void)state;
    cpu_budget_charge(&loop, now, now + MS);
    assert_false(cpu_budget_exhausted(&loop, now + MS));
    loop.served_at = now;
    assert_true(cpu_budget_exhausted(&loop, now + MS));
    loop.served_at = now + MS;
    assert_true(cpu_budget_exhausted(&loop, now + 2 * MS - 1));
    assert_false(cpu_budget_exhausted(&loop, now + 2 * MS));
    cpu_budget_charge(&loop, now + MS, now + MS + 1); /* a little more changes nothing */
    assert_true(cpu_budget_exhausted(&loop, now + 2 * MS - 1));
    cpu_budget_charge(&loop, now, now + (uint64_t)100 * MS);
    assert_false(
        cpu_budget_exhausted(&loop, now + (uint64_t)101 * MS)); /* nobody is about */
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define BATCHED(test) cmocka_unit_test_setup_teardown(test, start_batched, stop_batched)
    const struct CMUnitTest tests[] = {
        FRESH(a_verified_client_does_not_wait_behind_many_handshakes),
        FRESH(a_priority_goes_before_the_next),
        FRESH(the_lowest_priority_does_not_starve),
        BATCHED(a_unverified_clients_keys_are_not_put_off_for_ever),
        FRESH(unverified_clients_proceed_on_an_exhausted_budget),
        FRESH(a_client_with_a_completing_fingerprint_is_not_limited),
        FRESH(a_fingerprint_without_completions_is_worth_nothing),
        FRESH(an_unanswered_client_spoils_no_fingerprint),
        FRESH(who_waits_for_whom_is_known),
        FRESH(who_waits_in_a_queue_is_not_watched),
        FRESH(the_longest_awaited_peer_comes_first),
        FRESH(unverified_clients_get_half_of_the_time_beside_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
