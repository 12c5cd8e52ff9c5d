/* Who is served first, in a turn of the loop, while many hellos wait. */
#include "tests/unit/loop_rig.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/error.h"

enum { CROWD = 70, KNOWN = 400 };

/* A stream, and its peer, who says what it is told to. */
struct one {
    struct stream stream;
    SSL *client;
    int peer;
    bool opened, closed;
};

static struct one crowd[CROWD], alone;

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
    on_opened, ignore_data, ignore, ignore, ignore_failure, on_closed};

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
    memset(crowd, 0, sizeof(crowd));
    memset(&alone, 0, sizeof(alone));
    return 0;
}

static void connect_one(struct one *one, unsigned rank, int tls)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int pair[2];

    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    one->peer = pair[1];
    stream_accept(
        &one->stream, &loop, &events, pair[0], (struct tls_context *)server_context);
    stream_set_rank(&one->stream, rank);
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

static void gather_crowd(unsigned rank)
{
    for (int i = 0; i < CROWD; i++)
        connect_one(&crowd[i], rank, TLS1_3_VERSION);
    turn();
    for (int i = 0; i < CROWD; i++)
        say(&crowd[i]);
}

static void disperse_crowd(void)
{
    for (int i = 0; i < CROWD; i++)
        disconnect(&crowd[i]);
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

static void who_is_known_does_not_wait_behind_a_crowd(void **state)
{
    (void)state;
    gather_crowd(LOOP_RANKS - 1);
    connect_one(&alone, 0, TLS1_3_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    assert_false(is_answered(&crowd[CROWD - 1]));
    disconnect(&alone);
    disperse_crowd();
}

static void a_rank_goes_before_the_next(void **state)
{
    (void)state;
    gather_crowd(2);
    connect_one(&alone, 1, TLS1_3_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    disconnect(&alone);
    disperse_crowd();
}

static void the_last_rank_does_not_starve(void **state)
{
    (void)state;
    connect_one(&alone, 2, TLS1_3_VERSION);
    gather_crowd(1);
    say(&alone);
    TURN_UNTIL(is_answered(&alone));
    assert_false(is_answered(&crowd[CROWD - 1]));
    disconnect(&alone);
    disperse_crowd();
}

/* As if all the time had gone by that it may. */
static void do_not_hold_any_longer(void)
{
    loop.held.due = 0;
    deadlines_expire(&loop.deadlines, loop_now(&loop));
}

/* Many stand still, and in each turn there is one who is known, and comes first. */
static void a_strangers_keys_are_not_put_off_for_ever(void **state)
{
    static struct one known[KNOWN];
    int turns = 0;

    (void)state;
    if (!engine_is_batched())
        skip();
    memset(known, 0, sizeof(known));
    for (int i = 0; i < CROWD; i++)
        connect_one(&crowd[i], 2, TLS1_3_VERSION);
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
    disperse_crowd();
}

/* Others are about, who are owed more than there will ever be. */
static void strangers_get_a_turn_whatever_is_owed(void **state)
{
    (void)state;
    connect_one(&alone, 1, TLS1_3_VERSION);
    turn();
    say(&alone);
    for (int i = 0; i < 20; i++) {
        loop.served_at = uv_hrtime();
        loop.owed_until = UINT64_MAX;
        loop.strangers_at = 0;
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

/* Even if it comes from where the crowd does. */
static void who_greets_as_those_do_who_mean_it_is_no_crowd(void **state)
{
    (void)state;
    finish_one(TLS1_2_VERSION);
    gather_crowd(2);
    connect_one(&alone, 2, TLS1_2_VERSION);
    say(&alone);
    see_and_act();
    assert_true(is_answered(&alone));
    disconnect(&alone);
    memset(&alone, 0, sizeof(alone));
    connect_one(
        &alone, 2, TLS1_3_VERSION); /* and the crowd's greeting is worth nothing */
    say(&alone);
    see_and_act();
    assert_false(is_answered(&alone));
    disconnect(&alone);
    disperse_crowd();
}

static void a_greeting_that_is_not_kept_is_worth_nothing(void **state)
{
    (void)state;
    finish_one(TLS1_3_VERSION);
    gather_crowd(2);
    TURN_UNTIL(is_answered(&crowd[CROWD - 1]));
    disperse_crowd();
    memset(crowd, 0, sizeof(crowd));
    gather_crowd(2);
    connect_one(&alone, 1, TLS1_2_VERSION);
    say(&alone);
    see_and_act();
    turn(); /* every now and then one of the crowd is first */
    assert_true(is_answered(&alone));
    assert_false(is_answered(&crowd[CROWD - 1]));
    disconnect(&alone);
    disperse_crowd();
}

static void who_goes_unanswered_spoils_no_greeting(void **state)
{
    (void)state;
    finish_one(TLS1_3_VERSION);
    gather_crowd(2);
    see_and_act();
    unsigned greeting = crowd[CROWD - 1].stream.greeting, answered = 0;
    assert_true(greetings_are_kept(&loop.greetings, greeting));
    assert_false(is_answered(&crowd[CROWD - 1]));
    for (int i = 0; i < CROWD; i++)
        answered += stream_is_answered(&crowd[i].stream);
    for (int i = 0; i < CROWD; i++)
        stream_close(&crowd[i].stream);
    assert_int_equal(loop.greetings.of[greeting].broken, answered);
    disperse_crowd();
}

static void who_waits_for_whom_is_known(void **state)
{
    (void)state;
    assert_int_equal(stream_longest_wait(&loop, LOOP_RANKS), 0);
    assert_null(stream_last_rank(&loop));
    gather_crowd(2);
    assert_int_equal(stream_silents(&loop), CROWD);
    see_and_act();
    assert_int_not_equal(stream_silents(&loop), CROWD);
    struct stream *first = stream_last_rank(&loop);
    assert_ptr_not_equal(first, &crowd[0].stream);
    assert_non_null(first);
    first->queued_at -= 700;
    assert_in_range(stream_longest_wait(&loop, LOOP_RANKS), 700, 60 * 1000);
    assert_int_equal(stream_longest_wait(&loop, 2), 0);
    TURN_UNTIL(stream_silents(&loop) == CROWD);
    assert_null(stream_last_rank(&loop));
    assert_true(stream_is_answered(first));
    disperse_crowd();
    assert_int_equal(stream_silents(&loop), 0);
}

/* The loop is not told again and again of what waits for its turn anyway. */
static void who_waits_in_a_queue_is_not_watched(void **state)
{
    struct stream *last = &crowd[CROWD - 1].stream;

    (void)state;
    gather_crowd(2);
    see_and_act();
    turn();
    assert_false(is_answered(&crowd[CROWD - 1]));
    assert_int_equal(last->watch.wanted & EPOLLIN, 0);
    TURN_UNTIL(is_answered(&crowd[CROWD - 1]));
    turn();
    assert_int_not_equal(last->watch.wanted & EPOLLIN, 0);
    TURN_UNTIL((say(&crowd[CROWD - 1]), crowd[CROWD - 1].opened));
    disperse_crowd();
}

static void expect_silent(const int *order)
{
    struct stream *s = NULL;

    for (; *order >= 0; order++) {
        s = stream_next_silent(&loop, s);
        assert_ptr_equal(s, &crowd[*order].stream);
    }
    assert_null(stream_next_silent(&loop, s));
}

static void who_was_silent_longest_comes_first(void **state)
{
    static const int all[] = {0, 1, 2, -1}, spoke[] = {1, 2, 0, -1}, left[] = {2, 0, -1};
    static const int open[] = {2, -1};

    (void)state;
    for (int i = 0; i < 3; i++)
        connect_one(&crowd[i], 1, TLS1_3_VERSION);
    turn();
    expect_silent(all);
    crowd[0].stream.peers_turn -= 50; /* long before it speaks */
    assert_int_equal(send(crowd[0].peer, "\x16", 1, 0), 1);
    see_and_act();
    see_and_act();
    expect_silent(spoke);
    assert_in_range(stream_keeps_us_waiting(&crowd[0].stream), 50, 60 * 1000);
    stream_close(&crowd[1].stream);
    expect_silent(left);
    disconnect(&crowd[0]);
    memset(&crowd[0], 0, sizeof(crowd[0]));
    connect_one(&crowd[0], 1, TLS1_3_VERSION);
    uint64_t accepted = crowd[0].stream.peers_turn;
    crowd[0].stream.peers_turn -= 50;
    say(&crowd[0]);
    TURN_UNTIL(stream_is_answered(&crowd[0].stream));
    expect_silent(left);
    assert_true(crowd[0].stream.peers_turn >= accepted);
    TURN_UNTIL((say(&crowd[0]), crowd[0].opened));
    expect_silent(open);
    for (int i = 0; i < 3; i++)
        disconnect(&crowd[i]);
}

static void strangers_get_half_of_the_time_while_others_are_about(void **state)
{
    enum { MS = 1000 * 1000 };
    uint64_t now = (uint64_t)1000 * MS;

    (void)state;
    loop_owes(&loop, now, now + MS);
    assert_false(loop_is_owed(&loop, now + MS));
    loop.served_at = now;
    assert_true(loop_is_owed(&loop, now + MS));
    loop.served_at = now + MS;
    assert_true(loop_is_owed(&loop, now + 2 * MS - 1));
    assert_false(loop_is_owed(&loop, now + 2 * MS));
    loop_owes(&loop, now + MS, now + MS + 1); /* a little more changes nothing */
    assert_true(loop_is_owed(&loop, now + 2 * MS - 1));
    loop_owes(&loop, now, now + (uint64_t)100 * MS);
    assert_false(loop_is_owed(&loop, now + (uint64_t)101 * MS)); /* nobody is about */
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define BATCHED(test) cmocka_unit_test_setup_teardown(test, start_batched, stop_batched)
    const struct CMUnitTest tests[] = {
        FRESH(who_is_known_does_not_wait_behind_a_crowd),
        FRESH(a_rank_goes_before_the_next),
        FRESH(the_last_rank_does_not_starve),
        BATCHED(a_strangers_keys_are_not_put_off_for_ever),
        FRESH(strangers_get_a_turn_whatever_is_owed),
        FRESH(who_greets_as_those_do_who_mean_it_is_no_crowd),
        FRESH(a_greeting_that_is_not_kept_is_worth_nothing),
        FRESH(who_goes_unanswered_spoils_no_greeting),
        FRESH(who_waits_for_whom_is_known),
        FRESH(who_waits_in_a_queue_is_not_watched),
        FRESH(who_was_silent_longest_comes_first),
        FRESH(strangers_get_half_of_the_time_while_others_are_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
