/* The order in which handshakes get the CPU, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "proxy/net/handshake_scheduler.h"

enum { MANY = 70, ORDER_MAX = 1024, BATCH = 8 };
enum { US = 1000, MS = 1000 * US }; /* ns */

enum keys { KEYS_NOT_NEEDED, KEYS_NEEDED, KEYS_PENDING, KEYS_READY, KEYS_BY_SIGNER };

struct one {
    struct scheduled_handshake h;
    enum keys keys;
    bool urgent;
    unsigned ran;
};

static struct handshake_scheduler hs;
static struct one many[MANY], alone;
static struct one *order[ORDER_MAX]; /* the order in which they ran */
static size_t order_len;
static uint64_t now, cost; /* ns: the time, and the duration of one step */
static unsigned batches;
static bool signed_by_signer, busy, cheap;

static uint64_t clock_of_the_test(void)
{
    return now;
}

static struct one *one_of(const struct scheduled_handshake *h)
{
    return container_of(h, struct one, h);
}

/* The first step answers the ClientHello, after a key operation if `keys` says so. */
static void run(struct scheduled_handshake *h, bool urgent)
{
    struct one *one = one_of(h);

    assert_true(order_len < ORDER_MAX);
    order[order_len++] = one;
    one->ran++;
    now += cost;
    if (one->keys == KEYS_NEEDED) {
        one->keys = KEYS_PENDING;
        one->urgent = urgent;
        handshake_awaits_keys(&hs, h);
        return;
    }
    if (one->keys == KEYS_BY_SIGNER) {
        handshake_awaits_keys(&hs, h);
        return;
    }
    if (!h->answered)
        handshake_answered(&hs, h);
    handshake_awaits_peer(&hs, h);
}

static bool keys_are_ready(const struct scheduled_handshake *h)
{
    return one_of(h)->keys == KEYS_READY;
}

static bool is_pending(const struct one *one, bool urgent_only)
{
    return one->keys == KEYS_PENDING && (one->urgent || !urgent_only);
}

static size_t unsent; /* requests to the signer that have not left */

static size_t operations(bool urgent_only)
{
    size_t count = is_pending(&alone, urgent_only);

    for (int i = 0; i < MANY; i++)
        count += is_pending(&many[i], urgent_only);
    return count;
}

static void run_batch(bool urgent_only)
{
    size_t left = BATCH;

    batches++;
    now += cost;
    if (is_pending(&alone, urgent_only)) {
        alone.keys = KEYS_READY;
        left--;
    }
    for (int i = 0; i < MANY && left > 0; i++) {
        if (!is_pending(&many[i], urgent_only))
            continue;
        many[i].keys = KEYS_READY;
        left--;
    }
}

static size_t costly(void)
{
    return (cheap ? 0 : operations(false)) + unsent;
}

static bool signatures_came(void)
{
    bool came = signed_by_signer;

    signed_by_signer = false;
    return came;
}

static bool signer_is_busy(void)
{
    return busy;
}

static const struct handshake_environment environment = {clock_of_the_test, run,
    keys_are_ready, signatures_came, signer_is_busy, operations, operations, run_batch,
    costly};

static int start(void **state)
{
    (void)state;
    now = (uint64_t)3600 * 1000 * MS;
    cost = 100 * US;
    order_len = 0;
    batches = 0;
    signed_by_signer = busy = cheap = false;
    memset(many, 0, sizeof(many));
    memset(&alone, 0, sizeof(alone));
    handshake_scheduler_init(&hs, &environment);
    return 0;
}

static void accept_one(struct one *one, unsigned priority, enum keys keys)
{
    handshake_accepted(&hs, &one->h);
    one->h.priority = (uint8_t)priority;
    one->keys = keys;
}

static void hello(struct one *one, unsigned priority, enum keys keys)
{
    accept_one(one, priority, keys);
    handshake_is_ready(&hs, &one->h);
}

static void many_hellos(unsigned priority, enum keys keys)
{
    for (int i = 0; i < MANY; i++)
        hello(&many[i], priority, keys);
}

static void accept_many(unsigned priority)
{
    for (int i = 0; i < MANY; i++)
        accept_one(&many[i], priority, KEYS_NOT_NEEDED);
}

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
#define TEST(test) cmocka_unit_test_setup(test, start)
    const struct CMUnitTest tests[] = {
        TEST(verified_clients_go_first_and_each_class_has_a_slice),
        TEST(an_answered_client_goes_before_any_hello),
        TEST(a_class_goes_before_the_next),
        TEST(the_last_class_does_not_starve),
        TEST(unverified_clients_get_half_of_the_time_beside_others),
        TEST(a_budget_is_exhausted_only_while_others_are_served),
        TEST(the_starvation_guard_lets_one_go_on_whatever_the_budget),
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
        TEST(a_fingerprint_counts_by_its_completion_rate),
        TEST(the_longest_awaited_peer_comes_first),
        TEST(the_longest_wait_and_the_last_in_line_are_known),
        TEST(a_handshake_that_waits_for_us_is_not_read_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
