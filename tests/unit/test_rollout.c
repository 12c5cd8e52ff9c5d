/* Two-phase generations, without processes: workers that do not come up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"
#include "proxy/master/release.h"
#include "proxy/master/rollout.h"
#include "proxy/master/supervisor.h"

static struct supervisor supervisor;
static struct rollout rollout;
static unsigned finished;
static char refusal[ERROR_TEXT_MAX];

static void note(struct rollout *r, const struct error *why)
{
    assert_false(rollout_is_busy(r));
    finished++;
    snprintf(refusal, sizeof(refusal), "%s", why != NULL ? why->text : "");
}

static struct release *release(uint32_t id)
{
    struct release *made = calloc(1, sizeof(*made));

    assert_non_null(made);
    made->id = id;
    made->snapshot.fd = made->keys.fd = -1;
    return made;
}

static int start(void **state)
{
    (void)state;
    memset(&supervisor, 0, sizeof(supervisor));
    supervisor.count = 2;
    rollout = (struct rollout){.supervisor = &supervisor, .finished = note};
    finished = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rollout_destroy(&rollout);
    return 0;
}

static void without_workers_it_goes_on_until_given_up(void **state)
{
    (void)state;
    rollout.current = release(1);
    rollout_begin(&rollout, release(2));
    assert_true(rollout_is_busy(&rollout));
    assert_int_equal(finished, 0);

    rollout_give_up(&rollout);
    assert_int_equal(finished, 1);
    assert_non_null(strstr(refusal, "worker 0 does not come up"));
    assert_int_equal(rollout.current->id, 1);
}

static void a_decided_rollout_counts_as_done(void **state)
{
    struct child serves = {.up = true, .serving = 2, .channel = -1};

    (void)state;
    supervisor.slots[0].child = &serves;
    rollout.current = release(2);
    rollout.confirming = true;

    rollout_give_up(&rollout);
    assert_int_equal(finished, 1);
    assert_string_equal(refusal, "");
    assert_int_equal(rollout.current->id, 2);
}

static void a_refusal_can_be_shown_on_a_terminal(void **state)
{
    struct child refuses = {.up = true, .offered = 2, .channel = -1};
    char body[64];
    struct wire_writer w = {.bytes = body, .capacity = sizeof(body)};
    struct message m = {.type = MESSAGE_REFUSED, .id = 2, .body = body};

    (void)state;
    wire_put_text(&w, "no\033[2J\nMAINPID=1");
    m.len = w.len;
    supervisor.count = 1;
    refuses.supervisor = &supervisor;
    supervisor.slots[0].child = &refuses;
    rollout.next = release(2);
    assert_true(rollout_message(&rollout, &refuses, &m));
    assert_string_equal(refusal, "no?[2J?MAINPID=1");
}

static struct message refusal_of(uint32_t id)
{
    static const char no[] = "\3\0\0\0\0\0\0\0no";

    return (struct message){
        .type = MESSAGE_REFUSED, .id = id, .body = no, .len = sizeof(no)};
}

static void a_worker_that_refuses_alone_is_replaced_and_asked_anew(void **state)
{
    struct child accepts = {.up = true, .offered = 2, .ready = 2, .channel = -1};
    struct child refuses = {.up = true, .offered = 2, .channel = -1, .slot = 1};
    struct child next = {.up = true, .offered = 2, .channel = -1, .slot = 1};
    const struct message no = refusal_of(2);

    (void)state;
    accepts.supervisor = refuses.supervisor = next.supervisor = &supervisor;
    supervisor.slots[0].child = &accepts;
    supervisor.slots[1].child = &refuses;
    rollout.next = release(2);
    assert_true(rollout_message(&rollout, &refuses, &no));
    assert_true(refuses.ending);
    assert_int_equal(finished, 0);

    supervisor.slots[1].child = &next;
    assert_true(rollout_message(&rollout, &next, &no));
    assert_int_equal(finished, 1);
    assert_string_equal(refusal, "no");
}

static void two_refusals_count(void **state)
{
    struct child one = {.up = true, .offered = 2, .channel = -1};
    struct child other = {.up = true, .offered = 2, .channel = -1, .slot = 1};
    const struct message no = refusal_of(2);

    (void)state;
    one.supervisor = other.supervisor = &supervisor;
    supervisor.slots[0].child = &one;
    supervisor.slots[1].child = &other;
    rollout.next = release(2);
    assert_true(rollout_message(&rollout, &one, &no));
    assert_int_equal(finished, 0);
    assert_true(rollout_message(&rollout, &other, &no));
    assert_int_equal(finished, 1);
}

/* The second refusal ended the offer; the third was on its way already. */
static void a_refusal_that_comes_late_ends_no_worker(void **state)
{
    struct child children[3];
    const struct message no = refusal_of(2);
    int far[3];

    (void)state;
    supervisor.count = 3;
    for (unsigned i = 0; i < 3; i++) {
        children[i] = (struct child){
            .up = true, .offered = 2, .serving = 1, .slot = i, .supervisor = &supervisor};
        assert_true(channel_pair(&children[i].channel, &far[i]));
        supervisor.slots[i].child = &children[i];
    }
    rollout.current = release(1);
    rollout.next = release(2);
    for (unsigned i = 0; i < 3; i++)
        assert_true(rollout_message(&rollout, &children[i], &no));
    assert_int_equal(finished, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(children[i].ending);
        close(children[i].channel);
        close(far[i]);
    }
}

static void with_nothing_on_its_way_nothing_is_given_up(void **state)
{
    (void)state;
    rollout.current = release(1);
    rollout_give_up(&rollout);
    assert_int_equal(finished, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            without_workers_it_goes_on_until_given_up, start, end),
        cmocka_unit_test_setup_teardown(a_decided_rollout_counts_as_done, start, end),
        cmocka_unit_test_setup_teardown(a_refusal_can_be_shown_on_a_terminal, start, end),
        cmocka_unit_test_setup_teardown(
            a_worker_that_refuses_alone_is_replaced_and_asked_anew, start, end),
        cmocka_unit_test_setup_teardown(two_refusals_count, start, end),
        cmocka_unit_test_setup_teardown(
            a_refusal_that_comes_late_ends_no_worker, start, end),
        cmocka_unit_test_setup_teardown(
            with_nothing_on_its_way_nothing_is_given_up, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
