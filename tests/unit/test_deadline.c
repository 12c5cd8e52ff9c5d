#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/net/deadline.h"

static struct deadline *expired[1000];
static unsigned expired_count;

static void note(struct deadline *d)
{
    expired[expired_count++] = d;
}

static int forget(void **state)
{
    (void)state;
    expired_count = 0;
    return 0;
}

static void they_expire_in_the_order_they_are_due(void **state)
{
    struct deadlines all = {0};
    struct deadline a, b, c;

    (void)state;
    deadline_init(&a, note);
    deadline_init(&b, note);
    deadline_init(&c, note);
    deadlines_arm(&all, &a, 300, 0);
    deadlines_arm(&all, &b, 100, 0);
    deadlines_arm(&all, &c, 100, 50);
    assert_int_equal(deadlines_expire(&all, 99), 1);
    assert_int_equal(expired_count, 0);
    assert_true(deadlines_expire(&all, 1000) == UINT64_MAX);
    assert_int_equal(expired_count, 3);
    assert_ptr_equal(expired[0], &b);
    assert_ptr_equal(expired[1], &c);
    assert_ptr_equal(expired[2], &a);
    deadlines_destroy(&all);
}

static void many_deadlines_expire_a_few_at_a_time(void **state)
{
    struct deadlines all = {0};
    struct deadline many_clients[DEADLINES_AT_ONCE + 5], lone;
    unsigned count = sizeof(many_clients) / sizeof(many_clients[0]);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        deadline_init(&many_clients[i], note);
        deadlines_arm(&all, &many_clients[i], 100, 0);
    }
    deadline_init(&lone, note);
    deadlines_arm(&all, &lone, 20, 80);
    assert_int_equal(deadlines_expire(&all, 100), 1);
    assert_int_equal(expired_count, DEADLINES_AT_ONCE + 1);
    assert_false(deadline_is_armed(&lone)); /* of another length: it does not wait */
    assert_true(deadlines_expire(&all, 101) == UINT64_MAX);
    assert_int_equal(expired_count, count + 1);
    deadlines_destroy(&all);
}

static void arming_again_moves_it_on(void **state)
{
    struct deadlines all = {0};
    struct deadline d;

    (void)state;
    deadline_init(&d, note);
    deadlines_arm(&all, &d, 100, 0);
    deadlines_arm(&all, &d, 100, 90);
    assert_true(deadline_is_armed(&d));
    assert_int_equal(deadlines_expire(&all, 100), 90);
    deadlines_arm(&all, &d, 5, 100);
    assert_true(deadlines_expire(&all, 105) == UINT64_MAX);
    assert_int_equal(expired_count, 1);
    assert_false(deadline_is_armed(&d));
    deadlines_destroy(&all);
}

static void disarmed_it_never_expires(void **state)
{
    struct deadlines all = {0};
    struct deadline d;

    (void)state;
    deadline_init(&d, note);
    deadline_disarm(&d);
    deadlines_arm(&all, &d, 100, 0);
    deadline_disarm(&d);
    assert_true(deadlines_expire(&all, 1000) == UINT64_MAX);
    assert_int_equal(expired_count, 0);
    deadlines_destroy(&all);
}

static struct deadlines shared;
static struct deadline other;

static void rearm_and_disarm_other(struct deadline *d)
{
    note(d);
    deadline_disarm(&other);
    deadlines_arm(&shared, d, 0, 100);
}

static void expired_may_arm_and_disarm_anything(void **state)
{
    struct deadline d;

    (void)state;
    deadline_init(&d, rearm_and_disarm_other);
    deadline_init(&other, note);
    deadlines_arm(&shared, &d, 10, 0);
    deadlines_arm(&shared, &other, 20, 0);
    assert_int_equal(deadlines_expire(&shared, 100), 1);
    assert_int_equal(expired_count, 1);
    deadline_disarm(&d);
    deadlines_destroy(&shared);
}

static void more_lengths_than_queues_keep_their_time(void **state)
{
    enum { MANY = 3 * DEADLINE_QUEUES_MAX };
    struct deadlines all = {0};
    struct deadline *many = calloc(MANY, sizeof(*many));

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        deadline_init(&many[i], note);
        deadlines_arm(&all, &many[i], 1000 + (i * 7919) % MANY, 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        unsigned before = expired_count;

        deadlines_expire(&all, 1000 + i);
        assert_int_equal(expired_count, before + 1);
        assert_int_equal(expired[before]->due, 1000 + i);
    }
    deadlines_destroy(&all);
    free(many);
}

static void lengths_no_longer_used_make_room(void **state)
{
    struct deadlines all = {0};
    struct deadline d;

    (void)state;
    deadline_init(&d, note);
    for (unsigned i = 0; i < 10 * DEADLINE_QUEUES_MAX; i++)
        deadlines_arm(&all, &d, 1000 + i, 0);
    assert_true(all.count <= DEADLINE_QUEUES_MAX);
    assert_int_equal(deadlines_expire(&all, 0), d.due);
    deadline_disarm(&d);
    deadlines_destroy(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(they_expire_in_the_order_they_are_due, forget),
        cmocka_unit_test_setup(many_deadlines_expire_a_few_at_a_time, forget),
        cmocka_unit_test_setup(arming_again_moves_it_on, forget),
        cmocka_unit_test_setup(disarmed_it_never_expires, forget),
        cmocka_unit_test_setup(expired_may_arm_and_disarm_anything, forget),
        cmocka_unit_test_setup(more_lengths_than_queues_keep_their_time, forget),
        cmocka_unit_test_setup(lengths_no_longer_used_make_room, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
