/* The order in which handshakes get the CPU. */
#include "scheduler_rig.h"

static void verified_clients_go_first_and_each_class_has_a_slice(void **state)
{
    (void)state;
    many_hellos(2, KEYS_NOT_NEEDED);
    hello(&alone, 0, KEYS_NOT_NEEDED);
    handshake_scheduler_run(&hs, false);
    assert_ptr_equal(order[0], &alone);
    assert_ptr_equal(order[1], &many[0]);
    assert_in_range(order_len, 2, 4); /* 300 us, of 100 us each */
    assert_int_equal(handshake_scheduler_wait(&hs), 0);
}

static void an_answered_client_goes_before_any_hello(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        hello(&many[i], 0, KEYS_NOT_NEEDED);
    accept_one(&alone, 2, KEYS_NOT_NEEDED);
    handshake_answered(&hs, &alone.h);
    handshake_is_ready(&hs, &alone.h);
    handshake_scheduler_run(&hs, false);
    assert_ptr_equal(order[0], &alone);
}

static void a_class_goes_before_the_next(void **state)
{
    (void)state;
    many_hellos(2, KEYS_NOT_NEEDED);
    hello(&alone, 1, KEYS_NOT_NEEDED);
    handshake_scheduler_run(&hs, false);
    assert_ptr_equal(order[0], &alone);
}

static void the_last_class_does_not_starve(void **state)
{
    (void)state;
    hello(&alone, 2, KEYS_NOT_NEEDED);
    many_hellos(1, KEYS_NOT_NEEDED);
    while (alone.ran == 0)
        handshake_scheduler_run(&hs, false);
    assert_in_range(order_len, 2, 10);
}

/* Open streams use 100 us in each iteration; all unverified clients come again. */
static void unverified_clients_get_half_of_the_time_beside_others(void **state)
{
    uint64_t began = now, served = 0, ran;

    (void)state;
    many_hellos(1, KEYS_NOT_NEEDED);
    for (int i = 0; i < 300; i++) {
        now += 100 * US;
        served += 100 * US;
        handshake_scheduler_served(&hs);
        order_len = 0;
        handshake_scheduler_run(&hs, false);
        for (size_t k = 0; k < order_len; k++) {
            order[k]->h.answered = false;
            handshake_is_ready(&hs, &order[k]->h);
        }
    }
    ran = now - began - served;
    assert_in_range(ran, (now - began) * 2 / 5, (now - began) / 2 + 300 * US);
}

static void a_budget_is_exhausted_only_while_others_are_served(void **state)
{
    (void)state;
    now += MS;
    cpu_budget_charge(&hs, now - MS);
    assert_false(cpu_budget_exhausted(&hs));
    handshake_scheduler_served(&hs);
    handshake_scheduler_run(&hs, false);
    assert_true(cpu_budget_exhausted(&hs));
    cpu_budget_charge(&hs, now - 1); /* a small charge does not shorten a larger one */
    now += MS - 1;
    assert_true(cpu_budget_exhausted(&hs));
    now += 1;
    assert_false(cpu_budget_exhausted(&hs));
    cpu_budget_charge(&hs, now - (uint64_t)100 * MS);
    assert_true(cpu_budget_exhausted(&hs));
    now += 2 * MS;
    assert_false(cpu_budget_exhausted(&hs)); /* no verified client since */
}

static void the_starvation_guard_lets_one_go_on_whatever_the_budget(void **state)
{
    uint64_t began;

    (void)state;
    hello(&alone, 1, KEYS_NOT_NEEDED);
    hs.unverified_ran_at = began = now;
    while (alone.ran == 0) {
        now += MS;
        cpu_budget_charge(&hs, now - (uint64_t)10 * MS);
        handshake_scheduler_served(&hs);
        handshake_scheduler_run(&hs, false);
        assert_true(now - began < (uint64_t)30 * MS);
    }
    assert_true(now - began >= (uint64_t)20 * MS);
}

static const unsigned char client_hello[] = {22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3, 0, 1, 2,
    3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1,
    0, 0, 2, 0xc0, 0x2f, 1, 0, 0, 0};

static void recognise(struct one *one)
{
    accept_one(one, 2, KEYS_NOT_NEEDED);
    handshake_recognise(&hs, &one->h, client_hello, sizeof(client_hello));
    assert_int_not_equal(one->h.fingerprint, 0);
}

static void a_fingerprint_counts_by_its_completion_rate(void **state)
{
    (void)state;
    recognise(&many[0]);
    assert_int_equal(many[0].h.priority, 2); /* its fingerprint is unknown */
    handshake_answered(&hs, &many[0].h);
    handshake_completed(&hs, &many[0].h);
    handshake_over(&hs, &many[0].h); /* too late to be a failure */
    recognise(&many[1]);
    assert_int_equal(many[1].h.priority, 0);
    handshake_over(&hs, &many[1].h); /* it was not answered: not its fault */
    recognise(&many[2]);
    assert_int_equal(many[2].h.priority, 0);
    handshake_answered(&hs, &many[2].h);
    handshake_over(&hs, &many[2].h);
    recognise(&many[3]);
    assert_int_equal(many[3].h.priority, 2);
}

static void expect_awaited(const int *expected)
{
    struct scheduled_handshake *h = NULL;

    for (; *expected >= 0; expected++) {
        h = handshake_next_awaiting_peer(&hs, h);
        assert_ptr_equal(h, &many[*expected].h);
    }
    assert_null(handshake_next_awaiting_peer(&hs, h));
}

static void the_longest_awaited_peer_comes_first(void **state)
{
    static const int all[] = {0, 1, 2, -1}, one_spoke[] = {1, 2, 0, -1},
                     left[] = {2, 0, -1};
    static const int none[] = {-1};

    (void)state;
    for (int i = 0; i < 3; i++)
        accept_one(&many[i], 1, KEYS_NOT_NEEDED);
    expect_awaited(all);
    now += (uint64_t)50 * MS;
    handshake_is_ready(&hs, &many[0].h);
    assert_int_equal(hs.awaiting_peer_count, 2);
    handshake_awaits_peer(&hs, &many[0].h); /* has no effect: it waits for us */
    handshake_scheduler_run(&hs, false);
    expect_awaited(one_spoke);
    assert_int_equal(handshake_awaiting_peer_ms(&hs, &many[0].h), 0); /* answered */
    assert_int_equal(handshake_awaiting_peer_ms(&hs, &many[1].h), 50);
    handshake_over(&hs, &many[1].h);
    expect_awaited(left);
    handshake_completed(&hs, &many[2].h);
    handshake_stops_awaiting_peer(&hs, &many[0].h);
    expect_awaited(none);
    assert_int_equal(hs.awaiting_peer_count, 0);
}

static void the_longest_wait_and_the_last_in_line_are_known(void **state)
{
    (void)state;
    assert_int_equal(handshake_longest_wait_ms(&hs, HANDSHAKE_PRIORITIES), 0);
    assert_null(handshake_lowest_priority(&hs));
    hello(&many[0], 0, KEYS_NOT_NEEDED);
    assert_null(handshake_lowest_priority(&hs));
    hello(&many[1], 1, KEYS_NOT_NEEDED);
    now += (uint64_t)700 * MS;
    hello(&many[2], 2, KEYS_NOT_NEEDED);
    hello(&many[3], 2, KEYS_NOT_NEEDED);
    assert_ptr_equal(handshake_lowest_priority(&hs), &many[2].h);
    assert_int_equal(handshake_longest_wait_ms(&hs, 1), 700);
    handshake_over(&hs, &many[0].h);
    assert_int_equal(handshake_longest_wait_ms(&hs, 1), 0);
    assert_int_equal(handshake_longest_wait_ms(&hs, 2), 700);
}

static void a_handshake_that_waits_for_us_is_not_read_from(void **state)
{
    (void)state;
    accept_one(&alone, 0, KEYS_NEEDED);
    assert_true(handshake_may_read(&alone.h));
    handshake_is_ready(&hs, &alone.h);
    assert_false(handshake_may_read(&alone.h));
    hello(&many[0], 2, KEYS_NEEDED);
    handshake_scheduler_run(&hs, false);
    assert_int_equal(alone.keys, KEYS_PENDING);
    handshake_is_ready(&hs, &alone.h); /* no-op */
    assert_false(handshake_may_read(&alone.h));
    handshake_over(&hs, &alone.h);
    handshake_over(&hs, &many[0].h);
    alone.keys = many[0].keys = KEYS_NOT_NEEDED;
    assert_true(handshake_scheduler_wait(&hs) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(verified_clients_go_first_and_each_class_has_a_slice),
        TEST(an_answered_client_goes_before_any_hello),
        TEST(a_class_goes_before_the_next),
        TEST(the_last_class_does_not_starve),
        TEST(unverified_clients_get_half_of_the_time_beside_others),
        TEST(a_budget_is_exhausted_only_while_others_are_served),
        TEST(the_starvation_guard_lets_one_go_on_whatever_the_budget),
        TEST(a_fingerprint_counts_by_its_completion_rate),
        TEST(the_longest_awaited_peer_comes_first),
        TEST(the_longest_wait_and_the_last_in_line_are_known),
        TEST(a_handshake_that_waits_for_us_is_not_read_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
