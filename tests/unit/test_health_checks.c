/* Health checks, over sockets that the test answers by hand. */
#include "proxy/session/health_checks.h"

#include "session_case.h"

/* So long that a slow machine does not come near them. */
#define TIMES "health_interval = 1h\nhealth_timeout = 5m\n"
#define OPTIONS "health = GET /well?now=1\nhealth_rise = 2\nhealth_fall = 2\n" TIMES

enum {
    INTERVAL = 4500 * 1000,
    TIMEOUT = 300 * 1000
}; /* the longest that is drawn, and more */

static struct backend_condition *condition_of(size_t backend)
{
    return balancer_at(rig.generation->services[0].balancer, backend)->condition;
}

static bool is_open(size_t backend)
{
    return condition_is_open(condition_of(backend));
}

static int start_checked_by(const char *options, size_t backends)
{
    rig_start(&rig, options, backends);
    clients_check_backends(rig.clients, rig.generation);
    return 0;
}

static int start_checked(void **state)
{
    (void)state;
    return start_checked_by(OPTIONS, 1);
}

static int start_two_checked(void **state)
{
    (void)state;
    return start_checked_by(OPTIONS, 2);
}

static int start_connecting(void **state)
{
    (void)state;
    return start_checked_by(
        "health = connect\nhealth_fall = 2\nprotocol = tcp\n" TIMES, 1);
}

/* The connection of the next check. It may begin by itself at any moment: no step is as
 * long as its timeout. */
static int next_check(int backend)
{
    const uint64_t step = TIMEOUT / 4;
    int fd = -1;

    for (uint64_t waited = 0; waited < INTERVAL && fd < 0; waited += step) {
        rig_wait(&rig, step);
        fd = rig_backend(&rig, backend);
    }
    assert_true(fd >= 0);
    return fd;
}

static void answer(int backend, const char *reply)
{
    int fd = next_check(backend);

    assert_non_null(rig_receive(&rig, fd));
    rig_send(&rig, fd, reply);
    close(fd);
    rig_iterate(&rig);
}

static void a_request_is_asked_and_its_status_counts(void **state)
{
    int fd = next_check(0);

    (void)state;
    assert_string_equal(rig_receive(&rig, fd),
        "GET /well?now=1 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: wlbproxy-health\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n");
    rig_send(&rig, fd, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    assert_true(rig_has_ended(&rig, fd));
    close(fd);
    assert_int_equal(condition_of(0)->verdict, CHECK_PASSING);
    answer(0, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_true(is_open(0));
    answer(0, "HTTP/1.1 404 Oops\r\nContent-Length: 0\r\n\r\n");
    assert_false(is_open(0));
    assert_string_equal(condition_of(0)->reason, "status 404");
    answer(0, OK_5);
    assert_false(is_open(0));
    answer(0, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    assert_true(is_open(0));
    assert_int_equal(clients_counters(rig.clients)->health_checks, 5);
    assert_int_equal(clients_counters(rig.clients)->health_failures, 2);
}

static void an_invalid_reply_fails(void **state)
{
    static const char *const bad[] = {"HTTP/1.1 2", "220 smtp ready\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: ", "\r\n\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        condition_uncheck(condition_of(0), 1);
        answer(0, bad[i]);
        if (is_open(0))
            fail_msg("passes: %s", bad[i]);
    }
}

static void a_check_that_gets_no_answer_ends_in_time(void **state)
{
    int fd = next_check(0);

    (void)state;
    rig_wait(&rig, TIMEOUT / 2);
    assert_int_equal(rig_backend(&rig, 0), -1); /* one at a time */
    assert_true(is_open(0));
    rig_wait(&rig, TIMEOUT);
    assert_false(is_open(0));
    assert_string_equal(condition_of(0)->reason, "no reply within health_timeout");
    assert_true(rig.clients->backend_count == 0);
    close(fd);
}

static void a_head_or_interim_replies_without_an_end_are_cut(void **state)
{
    static char flood[40 * 1024];
    int fd = next_check(0);

    (void)state;
    memset(flood, 'x', sizeof(flood) - 1);
    rig_send(&rig, fd, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 4 && is_open(0); i++)
        rig_send(&rig, fd, flood);
    assert_false(is_open(0));
    close(fd);
    condition_uncheck(condition_of(0), 1);
    fd = next_check(0);
    for (size_t i = 0; i + 25 < sizeof(flood); i += 25)
        memcpy(flood + i, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    flood[sizeof(flood) / 25 * 25] = '\0';
    for (int i = 0; i < 20 && is_open(0); i++)
        rig_send(&rig, fd, flood);
    assert_false(is_open(0));
    close(fd);
}

static void a_body_has_an_end_in_time(void **state)
{
    int fd = next_check(0);

    (void)state;
    rig_send(&rig, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    assert_int_equal(condition_of(0)->verdict, CHECK_UNCHECKED);
    rig_wait(&rig, TIMEOUT);
    assert_false(is_open(0));
    assert_string_equal(
        condition_of(0)->reason, "no end of the reply within health_timeout");
    assert_int_equal(rig.clients->backend_count, 0);
    close(fd);
}

static void the_end_of_a_connection_may_be_that_of_a_body(void **state)
{
    (void)state;
    answer(0, "HTTP/1.1 200 OK\r\n\r\nall there is");
    assert_int_equal(condition_of(0)->verdict, CHECK_PASSING);
    condition_uncheck(condition_of(0), 1);
    answer(0, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nnot all there is");
    assert_string_equal(condition_of(0)->reason, "closed within the body of its reply");
}

static void a_long_body_is_believed_before_its_end(void **state)
{
    static char body[40 * 1024];
    int fd = next_check(0);

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    rig_send(&rig, fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 4; i++)
        rig_send(&rig, fd, body);
    assert_int_equal(condition_of(0)->verdict, CHECK_PASSING);
    assert_int_equal(rig.clients->backend_count, 0);
    close(fd);
}

static void a_failing_backend_gets_no_request_and_503_is_answered_at_once(void **state)
{
    int client;

    (void)state;
    answer(0, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    client = rig_client(&rig);
    rig_send(&rig, client, GET);
    assert_int_equal(rig_backend(&rig, 0), -1);
    expect_status(client, "503");
    close(client);
}

static void requests_go_to_the_one_that_passes(void **state)
{
    int client, fd;

    (void)state;
    rig_wait(&rig, TIMEOUT / 2); /* both first checks have begun, and neither is over */
    client = rig_client(&rig);
    rig_send(&rig, rig_backend(&rig, 0), "HTTP/1.1 500 Oops\r\n\r\n");
    rig_send(&rig, rig_backend(&rig, 1), OK_5);
    assert_false(is_open(0));
    assert_true(is_open(1));
    rig_send(&rig, client, GET);
    assert_int_equal(rig_backend(&rig, 0), -1);
    fd = rig_backend(&rig, 1);
    rig_send(&rig, fd, OK_5);
    expect_status(client, "200");
    close(client);
    close(fd);
}

static void a_connect_is_enough_where_no_more_is_asked(void **state)
{
    int fd = next_check(0);

    (void)state;
    assert_true(rig_has_ended(&rig, fd));
    assert_int_equal(condition_of(0)->verdict, CHECK_PASSING);
    close(fd);
    rig_refuse(&rig, 0);
    rig_wait(&rig, INTERVAL);
    assert_true(is_open(0));
    rig_wait(&rig, INTERVAL);
    assert_false(is_open(0));
    assert_string_equal(condition_of(0)->reason, "Connection refused");
}

/* The next generation, as a worker commits it. */
static void reload(const char *options)
{
    struct generation *old = rig.generation;

    rig.generation = rig_generation(&rig, options, 1);
    generation_inherit(rig.generation, old);
    clients_check_backends(rig.clients, rig.generation);
    generation_unref(old);
}

static void a_reload_keeps_the_verdict_and_the_check_under_way(void **state)
{
    int fd;

    (void)state;
    answer(0, "HTTP/1.1 500 Oops\r\n\r\n");
    reload(OPTIONS);
    assert_false(is_open(0));
    fd = next_check(0);
    reload(OPTIONS);
    rig_send(&rig, fd, OK_5); /* the first of two */
    close(fd);
    assert_false(is_open(0));
    reload(OPTIONS);
    answer(0, OK_5);
    assert_true(is_open(0));
}

static void a_backend_whose_line_has_moved_keeps_its_verdict(void **state)
{
    const struct balancer_line second = {.connect = 1, .weight = 1};
    struct generation *old = rig.generation;

    (void)state;
    answer(0, "HTTP/1.1 500 Oops\r\n\r\n");
    rig.generation = rig_generation(&rig, OPTIONS, 0);
    balancer_set_addresses(
        rig.generation->services[0].balancer, &second, &rig.endpoints[0], 1);
    generation_inherit(rig.generation, old);
    clients_check_backends(rig.clients, rig.generation);
    generation_unref(old);
    assert_false(is_open(0));
    answer(0, OK_5);
    assert_false(is_open(0));
    answer(0, OK_5);
    assert_true(is_open(0));
}

static void checks_that_change_begin_anew_and_keep_the_verdict(void **state)
{
    int fd;

    (void)state;
    answer(0, "HTTP/1.1 500 Oops\r\n\r\n");
    fd = next_check(0);
    assert_non_null(rig_receive(&rig, fd));
    reload("health = HEAD /other\n" TIMES);
    assert_true(rig_has_ended(&rig, fd));
    close(fd);
    assert_false(is_open(0));
    fd = next_check(0);
    assert_non_null(strstr(rig_receive(&rig, fd), "HEAD /other HTTP/1.1\r\n"));
    close(fd);
    reload("");
    assert_true(is_open(0));
    rig_wait(&rig, INTERVAL);
    assert_int_equal(rig_backend(&rig, 0), -1);
}

static void checks_end_with_their_worker(void **state)
{
    int fd = next_check(0);

    (void)state;
    assert_non_null(rig_receive(&rig, fd));
    clients_close_all(rig.clients);
    assert_true(rig_has_ended(&rig, fd));
    clients_check_backends(rig.clients, rig.generation);
    rig_wait(&rig, INTERVAL);
    assert_int_equal(rig_backend(&rig, 0), -1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start_checked, a_request_is_asked_and_its_status_counts),
        WITH(start_checked, an_invalid_reply_fails),
        WITH(start_checked, a_check_that_gets_no_answer_ends_in_time),
        WITH(start_checked, a_head_or_interim_replies_without_an_end_are_cut),
        WITH(start_checked, a_body_has_an_end_in_time),
        WITH(start_checked, the_end_of_a_connection_may_be_that_of_a_body),
        WITH(start_checked, a_long_body_is_believed_before_its_end),
        WITH(
            start_checked, a_failing_backend_gets_no_request_and_503_is_answered_at_once),
        WITH(start_two_checked, requests_go_to_the_one_that_passes),
        WITH(start_connecting, a_connect_is_enough_where_no_more_is_asked),
        WITH(start_checked, a_reload_keeps_the_verdict_and_the_check_under_way),
        WITH(start_checked, a_backend_whose_line_has_moved_keeps_its_verdict),
        WITH(start_checked, checks_that_change_begin_anew_and_keep_the_verdict),
        WITH(start_checked, checks_end_with_their_worker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
