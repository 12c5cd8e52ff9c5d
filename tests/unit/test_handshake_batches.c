/* Private-key operations of handshakes wait for each other, to be done together. */
#include "scheduler_rig.h"

static void no_more_hellos_are_answered_than_fill_a_batch(void **state)
{
    (void)state;
    cost = US;
    many_hellos(1, KEYS_NEEDED);
    handshake_scheduler_run(&hs, false);
    assert_int_equal(batches, 1);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(many[i].ran, 2); /* before and after it */
    assert_int_equal(operations(false), BATCH); /* the next ones */
}

static void a_batch_waits_for_more_while_events_come(void **state)
{
    unsigned iterations = 0;

    (void)state;
    hello(&alone, 0, KEYS_NEEDED);
    for (; batches == 0; iterations++)
        handshake_scheduler_run(&hs, false);
    assert_int_equal(iterations, 3);
    assert_int_equal(alone.ran, 2);
    hello(&many[0], 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true); /* no event is on its way */
    assert_int_equal(batches, 2);
    assert_int_equal(many[0].ran, 2);
}

/* An operation that waits, a batch that may wait, and another client under way. */
static void begin_to_hold(void)
{
    cost = 0;
    hs.batch_hold = 250 * US;
    accept_one(&many[0], 0, KEYS_NEEDED);
    hello(&alone, 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
}

static void a_batch_waits_for_handshakes_that_are_under_way(void **state)
{
    (void)state;
    begin_to_hold();
    assert_int_equal(batches, 0);
    assert_int_equal(handshake_scheduler_held(&hs), 250 * US);
    assert_true(handshake_scheduler_wait(&hs) == UINT64_MAX);
    now += 100 * US;
    handshake_is_ready(&hs, &many[0].h); /* its ClientHello has come */
    handshake_scheduler_run(&hs, true);
    assert_int_equal(batches, 1); /* nobody else is under way */
    assert_int_equal(alone.ran, 2);
    assert_int_equal(many[0].ran, 2);
    assert_int_equal(handshake_scheduler_held(&hs), 0);
}

static void a_batch_waits_no_longer_than_it_may(void **state)
{
    (void)state;
    begin_to_hold();
    now += 249 * US;
    handshake_scheduler_run(&hs, true);
    assert_int_equal(batches, 0);
    assert_int_equal(handshake_scheduler_held(&hs), US);
    now += US;
    assert_int_equal(handshake_scheduler_held(&hs), 1); /* and not 0: it must run */
    handshake_scheduler_run(&hs, true);
    assert_int_equal(batches, 1);
    assert_int_equal(alone.ran, 2);
    assert_int_equal(handshake_scheduler_held(&hs), 0);
}

/* There is no operation of our own with them, and so no batch that ends the wait. */
static void requests_to_the_signer_that_have_left_begin_another_wait(void **state)
{
    (void)state;
    cheap = true;
    unsent = 1;
    begin_to_hold();
    assert_int_equal(handshake_scheduler_held(&hs), 250 * US);
    now += 250 * US;
    handshake_scheduler_run(&hs, true);
    assert_int_equal(handshake_scheduler_held(&hs), 0); /* they leave */
    handshake_scheduler_run(&hs, true); /* and others come */
    assert_int_equal(handshake_scheduler_held(&hs), 250 * US);
    unsent = 0;
}

/* Events that come just then let it wait for two iterations at most, as always. */
static void a_wait_that_is_over_does_not_begin_again(void **state)
{
    (void)state;
    begin_to_hold();
    now += 250 * US;
    for (int i = 0; i < 3; i++)
        handshake_scheduler_run(&hs, false);
    assert_int_equal(batches, 1);
    assert_int_equal(alone.ran, 2);
}

static void a_full_batch_does_not_wait(void **state)
{
    (void)state;
    begin_to_hold();
    for (int i = 1; i < BATCH; i++)
        hello(&many[i], 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(batches, 1);
    assert_int_equal(alone.ran, 2);
}

static void a_handshake_alone_does_not_wait(void **state)
{
    (void)state;
    hs.batch_hold = 250 * US;
    hello(&alone, 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(alone.ran, 2);
}

static void nobody_waits_for_a_client_that_is_silent(void **state)
{
    (void)state;
    hs.batch_hold = 250 * US;
    accept_one(&many[0], 0, KEYS_NEEDED);
    now += 11 * (uint64_t)MS;
    hello(&alone, 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(alone.ran, 2);
}

static void cheap_operations_do_not_wait(void **state)
{
    (void)state;
    cheap = true;
    begin_to_hold();
    assert_int_equal(alone.ran, 2);
}

static void nothing_waits_unless_it_is_asked_for(void **state)
{
    (void)state;
    accept_one(&many[0], 0, KEYS_NEEDED);
    hello(&alone, 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(alone.ran, 2);
}

/* Its session was closed: no wait is left over for the next one. */
static void an_operation_that_is_withdrawn_leaves_nothing_held(void **state)
{
    (void)state;
    begin_to_hold();
    alone.keys = KEYS_NOT_NEEDED;
    handshake_over(&hs, &alone.h);
    now += 200 * US;
    handshake_scheduler_run(&hs, true);
    assert_int_equal(handshake_scheduler_held(&hs), 0);
    hello(&alone, 0, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(handshake_scheduler_held(&hs), 250 * US);
    alone.keys = KEYS_NOT_NEEDED;
    handshake_over(&hs, &alone.h);
    handshake_scheduler_run(&hs, true);
    assert_true(handshake_scheduler_wait(&hs) == UINT64_MAX);
}

static void serve_for_a_millisecond(void)
{
    now += MS;
    handshake_scheduler_served(&hs);
    handshake_scheduler_run(&hs, true);
}

static void operations_of_unverified_clients_are_held_but_not_for_ever(void **state)
{
    uint64_t began;

    (void)state;
    accept_many(2);
    hello(&alone, 1, KEYS_NEEDED);
    began = now;
    serve_for_a_millisecond();
    assert_int_equal(alone.keys, KEYS_PENDING);
    assert_in_range(handshake_scheduler_wait(&hs), 1, 9); /* ms, and not 0 */
    while (alone.ran < 2) {
        serve_for_a_millisecond();
        assert_true(now - began < (uint64_t)15 * MS);
    }
    assert_true(now - began >= (uint64_t)8 * MS);
}

/* In each iteration there is a verified client, whose operation is done first. */
static void urgent_operations_do_not_put_the_others_off_for_ever(void **state)
{
    uint64_t began;

    (void)state;
    accept_many(2);
    hello(&alone, 1, KEYS_NEEDED);
    began = now;
    for (int i = 0; alone.ran < 2; i = (i + 1) % MANY) {
        handshake_over(&hs, &many[i].h);
        hello(&many[i], 0, KEYS_NEEDED);
        serve_for_a_millisecond();
        assert_true(now - began < (uint64_t)40 * MS);
    }
}

static void operations_are_not_held_where_nobody_is_served(void **state)
{
    (void)state;
    accept_many(2);
    hello(&alone, 1, KEYS_NEEDED);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(alone.ran, 2);
}

static void the_loop_sleeps_while_the_signer_works(void **state)
{
    (void)state;
    hello(&alone, 1, KEYS_BY_SIGNER);
    handshake_scheduler_run(&hs, true);
    assert_int_equal(alone.ran, 1);
    assert_true(handshake_scheduler_wait(&hs) == UINT64_MAX);
    alone.keys = KEYS_READY;
    signed_by_signer = true;
    handshake_scheduler_run(&hs, false);
    assert_int_equal(alone.ran, 2);
    hello(&many[0], 1, KEYS_READY);
    handshake_awaits_keys(&hs, &many[0].h); /* they came before it began to wait */
    assert_int_equal(handshake_scheduler_wait(&hs), 0);
}

static void a_busy_signer_gets_no_more_hellos_of_unverified_clients(void **state)
{
    (void)state;
    busy = true;
    hello(&alone, 1, KEYS_NOT_NEEDED);
    hello(&many[0], 0, KEYS_NOT_NEEDED);
    handshake_scheduler_run(&hs, false);
    assert_int_equal(alone.ran, 0);
    assert_int_equal(many[0].ran, 1);
    busy = false;
    handshake_scheduler_run(&hs, false);
    assert_int_equal(alone.ran, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_hellos_are_answered_than_fill_a_batch),
        TEST(a_batch_waits_for_more_while_events_come),
        TEST(a_batch_waits_for_handshakes_that_are_under_way),
        TEST(a_batch_waits_no_longer_than_it_may),
        TEST(requests_to_the_signer_that_have_left_begin_another_wait),
        TEST(a_wait_that_is_over_does_not_begin_again),
        TEST(a_full_batch_does_not_wait),
        TEST(a_handshake_alone_does_not_wait),
        TEST(nobody_waits_for_a_client_that_is_silent),
        TEST(cheap_operations_do_not_wait),
        TEST(nothing_waits_unless_it_is_asked_for),
        TEST(an_operation_that_is_withdrawn_leaves_nothing_held),
        TEST(operations_of_unverified_clients_are_held_but_not_for_ever),
        TEST(urgent_operations_do_not_put_the_others_off_for_ever),
        TEST(operations_are_not_held_where_nobody_is_served),
        TEST(the_loop_sleeps_while_the_signer_works),
        TEST(a_busy_signer_gets_no_more_hellos_of_unverified_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
