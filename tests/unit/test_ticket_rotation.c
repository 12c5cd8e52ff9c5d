/* When the master's ticket keys change, whatever happens to the machine's clock. The
 * clock is the test's own; that of the loop stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/settings.h"
#include "proxy/base/error.h"
#include "proxy/master/plan.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/task_queue.h"
#include "proxy/master/ticket_keys.h"
#include "proxy/master/ticket_rotation.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR, ROTATION = 12 * HOUR };

static time_t now;

/* Replaces libc's. */
time_t time(time_t *when)
{
    if (when != NULL)
        *when = now;
    return now;
}

static uv_loop_t loop;
static struct task_queue tasks;
static struct supervisor workers;
static struct ticket_rotation rotation;
static struct plan plan;
static struct plan_service no_service;

static void set(const char *globals)
{
    char text[512];
    struct error err;

    (void)snprintf(text, sizeof(text),
        "%s\n[wlb]\naccept = 127.0.0.1:1\nconnect = 127.0.0.1:2\ncert = /c\nkey = /k\n",
        globals);
    settings_free(plan.settings);
    plan.settings = settings_parse(text, "test", &err);
    if (plan.settings == NULL)
        fail_msg("%s", err.text);
}

static void serve(void)
{
    ticket_rotation_update(&rotation, &plan);
}

static int begin(void **state)
{
    (void)state;
    now = 1800000000;
    assert_int_equal(uv_loop_init(&loop), 0);
    plan.services = &no_service;
    set("");
    memset(&rotation, 0, sizeof(rotation));
    ticket_rotation_init(&rotation, &loop, &tasks, &workers);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ticket_rotation_stop(&rotation);
    ticket_rotation_destroy(&rotation);
    uv_close((uv_handle_t *)&rotation.timer, NULL);
    uv_close((uv_handle_t *)&rotation.shared.poll.timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    settings_free(plan.settings);
    plan.settings = NULL;
    return 0;
}

static void start(void)
{
    struct error err;

    assert_true(ticket_rotation_begin(&rotation, &plan, &err));
    serve();
}

/* As if the time to the next look had passed for the loop, too. */
static void look(void)
{
    assert_in_range(uv_timer_get_due_in(&rotation.timer), 0, MINUTE * 1000);
    rotation.timer.timer_cb(&rotation.timer);
}

static struct ticket_key first(void)
{
    return rotation.keys.keys[0];
}

static bool is_first(struct ticket_key key)
{
    return memcmp(key.name, first().name, sizeof(key.name)) == 0;
}

static void assert_seals(void)
{
    assert_non_null(ticket_key_to_seal(&rotation.keys, (uint64_t)now));
}

static void a_key_seals_for_its_time(void **state)
{
    struct ticket_key key;

    (void)state;
    start();
    key = first();
    assert_int_equal(key.ends, now + ROTATION + HOUR);
    now += ROTATION - 1;
    look();
    assert_true(is_first(key));
    now += 1;
    look();
    assert_false(is_first(key));
    assert_int_equal(rotation.keys.keys[1].ends, now + HOUR);
    assert_int_equal(first().ends, now + ROTATION + HOUR);
}

/* It was set, or the machine was suspended: a key that has ended is replaced at once. */
static void a_clock_that_jumps_ahead_leaves_no_time_without_a_key(void **state)
{
    (void)state;
    start();
    now += 3 * DAY;
    assert_null(ticket_key_to_seal(&rotation.keys, (uint64_t)now));
    look();
    assert_seals();
    assert_int_equal(rotation.keys.count, 1); /* the one that had ended is gone */
}

static void a_clock_that_is_set_back_lengthens_no_life(void **state)
{
    struct ticket_key second;
    struct error err;

    (void)state;
    start();
    assert_true(ticket_rotation_now(&rotation, "command", &err));
    second = rotation.keys.keys[1];
    now -= 30 * DAY;
    look();
    assert_int_equal(rotation.keys.count, 2);
    assert_int_equal(first().ends, now + ROTATION + HOUR);
    assert_memory_equal(rotation.keys.keys[1].name, second.name, sizeof(second.name));
    assert_int_equal(rotation.keys.keys[1].ends, now + HOUR);
    now += HOUR;
    look();
    assert_false(ticket_key_opens(&rotation.keys.keys[1], (uint64_t)now));
}

static void inherit(void)
{
    rotation.began = rotation.due = 0;
    uv_timer_stop(&rotation.timer);
    start();
}

/* After an upgrade: the successor does not begin their time anew. */
static void keys_that_were_inherited_are_replaced_when_they_are_due(void **state)
{
    struct ticket_key key;

    (void)state;
    start();
    key = first();
    now += ROTATION - MINUTE;
    inherit();
    assert_true(is_first(key));
    now += MINUTE;
    look();
    assert_false(is_first(key));
    key = first();
    now += ROTATION;
    inherit();
    assert_false(is_first(key));
}

static void another_rotation_leaves_no_time_without_a_key(void **state)
{
    struct ticket_key key;

    (void)state;
    set("ticket_rotation = 1h");
    start();
    key = first();
    set("ticket_rotation = 2d");
    serve();
    for (int i = 0; i < 2 * HOUR / MINUTE; i++) {
        now += MINUTE;
        look();
        assert_seals();
    }
    assert_false(is_first(key));
    set("ticket_rotation = 5m\nticket_lifetime = 1m");
    serve();
    assert_int_equal(first().ends, now + 5 * MINUTE + MINUTE);
    for (uint32_t i = 1; i < rotation.keys.count; i++)
        assert_in_range(rotation.keys.keys[i].ends, 1, now + MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_seals_for_its_time, begin, end),
        cmocka_unit_test_setup_teardown(
            a_clock_that_jumps_ahead_leaves_no_time_without_a_key, begin, end),
        cmocka_unit_test_setup_teardown(
            a_clock_that_is_set_back_lengthens_no_life, begin, end),
        cmocka_unit_test_setup_teardown(
            keys_that_were_inherited_are_replaced_when_they_are_due, begin, end),
        cmocka_unit_test_setup_teardown(
            another_rotation_leaves_no_time_without_a_key, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
