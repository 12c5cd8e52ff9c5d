/* Checks, drain and slow start of a backend, by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proxy/session/backend_condition.h"

static const struct check_rules rules = {.rise = 2, .fall = 3};

static struct backend_condition *condition;
static uint64_t now;

static int begin(void **state)
{
    (void)state;
    condition = condition_new();
    now = 1000;
    return 0;
}

static int end(void **state)
{
    (void)state;
    condition_unref(condition);
    return 0;
}

/* '+' passes, '-' fails, a second apart. Returns how often the verdict changed. */
static int check(const char *found)
{
    int changes = 0;

    for (; *found != '\0'; found++) {
        now += 1000;
        changes +=
            condition_take_check(condition, *found == '+' ? NULL : "no", rules, now);
    }
    return changes;
}

static void a_backend_that_was_never_checked_serves(void **state)
{
    (void)state;
    assert_true(condition_is_open(condition));
    assert_int_equal(condition->changed, 0);
    assert_int_equal(condition_share(condition, 30000, now), CONDITION_SHARE_WHOLE);
}

static void the_first_check_alone_decides(void **state)
{
    (void)state;
    assert_int_equal(check("-"), 1);
    assert_false(condition_is_open(condition));
    assert_string_equal(condition->reason, "no");
    assert_int_equal(check("+"), 0);
    assert_int_equal(check("+"), 1);
    assert_true(condition_is_open(condition));
}

static void a_first_check_that_passes_is_no_news(void **state)
{
    (void)state;
    assert_int_equal(check("+"), 0);
    assert_int_equal(condition->changed, 0);
    assert_int_equal(condition_share(condition, 30000, now), CONDITION_SHARE_WHOLE);
}

static void it_falls_and_rises_after_as_many_as_the_options_say(void **state)
{
    (void)state;
    assert_int_equal(check("+--"), 0);
    assert_true(condition_is_open(condition));
    assert_int_equal(check("-"), 1);
    assert_int_equal(condition->changed, 5000);
    assert_int_equal(check("+"), 0);
    assert_false(condition_is_open(condition));
    assert_int_equal(check("+"), 1);
    assert_int_equal(condition->changed, 7000);
}

static void a_flapping_backend_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(check("+--+--+--+--+-+-+-+--+"), 0);
    assert_true(condition_is_open(condition));
    assert_int_equal(check("---"), 1);
    assert_int_equal(check("+-+-+-+--+-+-+-"), 0);
    assert_false(condition_is_open(condition));
}

static void checks_that_are_switched_off_hold_nobody_down(void **state)
{
    (void)state;
    check("-");
    condition_uncheck(condition, now);
    assert_true(condition_is_open(condition));
    assert_int_equal(check("-"), 1); /* again the first */
}

static void a_drain_outlasts_every_check_result(void **state)
{
    (void)state;
    assert_true(condition_drain(condition, true, now));
    assert_false(condition_drain(condition, true, now));
    check("++");
    condition_came_up(condition, now);
    assert_false(condition_is_open(condition));
    check("---");
    assert_true(condition_drain(condition, false, now));
    assert_false(condition_is_open(condition)); /* for it fails, too */
    check("++");
    assert_true(condition_is_open(condition));
}

static unsigned share_after(uint64_t ms)
{
    return condition_share(condition, 32000, now + ms);
}

static void a_backend_that_is_back_gets_a_growing_share(void **state)
{
    (void)state;
    check("-++");
    assert_int_equal(share_after(0), CONDITION_SHARE_WHOLE / 32);
    assert_int_equal(share_after(8000), CONDITION_SHARE_WHOLE / 4);
    assert_int_equal(share_after(16000), CONDITION_SHARE_WHOLE / 2);
    assert_int_equal(share_after(31999), CONDITION_SHARE_WHOLE - 1);
    assert_int_equal(share_after(32000), CONDITION_SHARE_WHOLE);
    assert_int_equal(share_after(0), CONDITION_SHARE_WHOLE); /* it is over */
}

static void a_backend_that_falls_within_slow_start_begins_it_again(void **state)
{
    (void)state;
    check("-++");
    assert_int_equal(share_after(16000), CONDITION_SHARE_WHOLE / 2);
    now += 16000;
    check("---++");
    assert_int_equal(share_after(0), CONDITION_SHARE_WHOLE / 32);
    condition_drain(condition, true, now);
    condition_drain(condition, false, now + 5000);
    assert_int_equal(share_after(5000 + 8000), CONDITION_SHARE_WHOLE / 4);
}

static void its_requests_are_as_many_as_its_share_says(void **state)
{
    int taken = 0;

    (void)state;
    condition_came_up(condition, now);
    for (int i = 0; i < 1000; i++)
        taken += condition_takes_its_share(condition, 32000, now + 8000);
    assert_int_equal(taken, 250);
    for (int i = 0; i < 1000; i++)
        assert_true(condition_takes_its_share(condition, 0, now + 8000));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_backend_that_was_never_checked_serves),
        CASE(the_first_check_alone_decides),
        CASE(a_first_check_that_passes_is_no_news),
        CASE(it_falls_and_rises_after_as_many_as_the_options_say),
        CASE(a_flapping_backend_changes_nothing),
        CASE(checks_that_are_switched_off_hold_nobody_down),
        CASE(a_drain_outlasts_every_check_result),
        CASE(a_backend_that_is_back_gets_a_growing_share),
        CASE(a_backend_that_falls_within_slow_start_begins_it_again),
        CASE(its_requests_are_as_many_as_its_share_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
