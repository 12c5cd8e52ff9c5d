/* The master's ticket keys: a key opens for a lifetime after the last ticket it sealed,
 * and then it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "proxy/base/error.h"
#include "proxy/master/ticket_keys.h"

enum {
    HOUR = 3600,
    DAY = 24 * HOUR,
    MS = 1000,
    SLOW = 60 /* seconds a busy machine may need */
};

static struct ticket_keys keys;

static int begin(void **state)
{
    (void)state;
    memset(&keys, 0, sizeof(keys));
    return 0;
}

static void rotate(void)
{
    struct error err;

    assert_true(tickets_rotate(&keys, (uint64_t)DAY * MS, &err));
}

static void assert_ends_in(const struct ticket_key *key, uint64_t seconds)
{
    uint64_t now = (uint64_t)time(NULL);

    assert_in_range(key->ends, now + seconds - SLOW, now + seconds);
}

static void a_key_ends_a_lifetime_after_its_rotation(void **state)
{
    (void)state;
    tickets_set_lifetime(&keys, (uint64_t)HOUR * MS);
    rotate();
    assert_int_equal(keys.count, 1);
    assert_ends_in(&keys.keys[0], DAY + HOUR);
}

static void a_key_that_was_replaced_ends_after_a_lifetime(void **state)
{
    struct ticket_key first;

    (void)state;
    tickets_set_lifetime(&keys, (uint64_t)HOUR * MS);
    rotate();
    first = keys.keys[0];
    rotate();
    assert_int_equal(keys.count, 2);
    assert_memory_equal(keys.keys[1].name, first.name, sizeof(first.name));
    assert_memory_not_equal(keys.keys[0].name, first.name, sizeof(first.name));
    assert_memory_not_equal(keys.keys[0].native, first.native, sizeof(first.native));
    assert_ends_in(&keys.keys[0], DAY + HOUR);
    assert_ends_in(&keys.keys[1], HOUR);
}

/* A rotation does not lengthen the life of an earlier key. */
static void a_key_that_ends_sooner_keeps_its_end(void **state)
{
    (void)state;
    tickets_set_lifetime(&keys, (uint64_t)HOUR * MS);
    rotate();
    keys.keys[0].ends = (uint64_t)time(NULL) + HOUR / 2;
    rotate();
    assert_ends_in(&keys.keys[1], HOUR / 2);
}

static void a_key_that_has_ended_is_wiped(void **state)
{
    static const struct ticket_key nothing;

    (void)state;
    tickets_set_lifetime(&keys, (uint64_t)HOUR * MS);
    rotate();
    rotate();
    keys.keys[1].ends = (uint64_t)time(NULL);
    rotate();
    assert_int_equal(keys.count, 2);
    assert_memory_equal(&keys.keys[2], &nothing, sizeof(nothing));
}

static void there_are_never_more_than_fit(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * TICKET_KEYS_MAX; i++)
        rotate();
    assert_int_equal(keys.count, TICKET_KEYS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_key_ends_a_lifetime_after_its_rotation, begin),
        cmocka_unit_test_setup(a_key_that_was_replaced_ends_after_a_lifetime, begin),
        cmocka_unit_test_setup(a_key_that_ends_sooner_keeps_its_end, begin),
        cmocka_unit_test_setup(a_key_that_has_ended_is_wiped, begin),
        cmocka_unit_test_setup(there_are_never_more_than_fit, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
