/* The loop waits for sockets, for libuv's handles and for deadlines, and for nothing
 * longer than it has to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/net/iteration.h"

enum { LENGTH = 30 /* ms */ };

static struct loop loop;
static struct poller poller;
static struct deadline deadline;
static uv_poll_t watched;
static int sockets[2], channel[2];
static unsigned happened, polled, closed, expired;

static void on_happened(struct poller *w, uint32_t events)
{
    char byte;

    assert_true((events & EPOLLIN) != 0);
    assert_int_equal(read(w->fd, &byte, 1), 1);
    happened++;
}

static void on_closed(struct poller *w)
{
    (void)w;
    closed++;
}

static void on_polled(uv_poll_t *poll, int status, int events)
{
    char byte;

    (void)poll, (void)events;
    assert_int_equal(status, 0);
    assert_int_equal(read(channel[0], &byte, 1), 1);
    polled++;
}

static void on_expired(struct deadline *d)
{
    (void)d;
    expired++;
    loop_stop(&loop);
}

static int begin(void **state)
{
    (void)state;
    happened = polled = closed = expired = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
    loop_init(&loop);
    poller = (struct poller){.happened = on_happened, .closed = on_closed};
    poller_open(&loop.pollers, &poller, sockets[0]);
    assert_int_equal(poller_for(&loop.pollers, &poller, EPOLLIN), 0);
    deadline_init(&deadline, on_expired);
    return 0;
}

/* loop_run() returns when the last of both is closed. */
static int end(void **state)
{
    (void)state;
    poller_close(&loop.pollers, &poller);
    loop_run(&loop);
    assert_int_equal(closed, 1);
    loop_destroy(&loop);
    close(sockets[1]);
    close(channel[0]);
    close(channel[1]);
    return 0;
}

static void watch_channel(void)
{
    assert_int_equal(uv_poll_init(&loop.uv, &watched, channel[0]), 0);
    assert_int_equal(uv_poll_start(&watched, UV_READABLE, on_polled), 0);
}

/* It is iterated until the deadline, and then waits no more. */
static void expires_within(unsigned iterations_max)
{
    uint64_t began = uv_hrtime();
    unsigned iterations = 0;

    loop_arm(&loop, &deadline, LENGTH);
    for (; expired == 0; iterations++)
        loop_iterate(&loop, true);
    loop.stopped = false;
    assert_true(uv_hrtime() - began >= (LENGTH - 1) * UINT64_C(1000000));
    assert_in_range(iterations, 1, iterations_max);
}

static void a_deadline_ends_the_wait(void **state)
{
    (void)state;
    expires_within(4);
}

static void a_quiet_channel_does_not_keep_it_busy(void **state)
{
    (void)state;
    watch_channel();
    expires_within(5);
    uv_close((uv_handle_t *)&watched, NULL);
}

static void a_deadline_may_stop_it(void **state)
{
    (void)state;
    loop_arm(&loop, &deadline, LENGTH);
    loop_run(&loop);
    assert_int_equal(expired, 1);
}

static void sockets_and_channels_are_served(void **state)
{
    (void)state;
    watch_channel();
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(write(sockets[1], "x", 1), 1);
        assert_int_equal(write(channel[1], "x", 1), 1);
        while (happened < i || polled < i)
            loop_iterate(&loop, true);
        assert_int_equal(happened, i);
        assert_int_equal(polled, i);
    }
    uv_close((uv_handle_t *)&watched, NULL);
}

static void a_channel_alone_keeps_the_loop_running(void **state)
{
    (void)state;
    watch_channel();
    poller_close(&loop.pollers, &poller);
    loop_arm(&loop, &deadline, LENGTH);
    loop_run(&loop);
    assert_int_equal(expired, 1);
    uv_close((uv_handle_t *)&watched, NULL);
    loop_run(&loop);
    poller_open(&loop.pollers, &poller, -1); /* for end() */
    closed = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deadline_ends_the_wait, begin, end),
        cmocka_unit_test_setup_teardown(
            a_quiet_channel_does_not_keep_it_busy, begin, end),
        cmocka_unit_test_setup_teardown(a_deadline_may_stop_it, begin, end),
        cmocka_unit_test_setup_teardown(sockets_and_channels_are_served, begin, end),
        cmocka_unit_test_setup_teardown(
            a_channel_alone_keeps_the_loop_running, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
