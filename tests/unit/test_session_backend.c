#include "session_case.h"

static void a_refusing_backend_is_502(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_refuse(&rig, 0);
    rig_send(&rig, client, GET_AND_CLOSE);
    expect_status(client, "502");
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(clients_counters(rig.clients)->error_replies, 1);
    close(client);
}

static void our_own_error_keeps_the_connection_where_framing_is_safe(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_send(&rig, client, i == 0 ? POST_HEAD "0123456789" GET : i == 1 ? "" : GET);
        backend = rig_backend(&rig, 0);
        assert_true(backend >= 0);
        (void)rig_receive(&rig, backend);
        if (i == 1)
            rig_send(&rig, backend, "HELO\r\n\r\n");
        close(backend);
        expect_status(client, "502");
        assert_false(rig_has_ended(&rig, client));
    }
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    assert_int_equal(clients_counters(rig.clients)->error_replies, 3);
    close(backend);
    close(client);
}

static void our_own_error_ends_the_connection_where_it_is_not(void **state)
{
    static const char *const requests[] = {
        POST_HEAD "012", /* otherwise the rest would be read as a request */
        "GET / HTTP/1.0\r\n\r\n",
        GET_AND_CLOSE,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, requests[i]);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        close(backend);
        expect_status(client, "502");
        assert_true(rig_has_ended(&rig, client));
        close(client);
    }
}

static void the_next_backend_is_tried_and_the_bad_one_passed_over(void **state)
{
    int first = rig_client(&rig), second = rig_client(&rig), backend;

    (void)state;
    rig_refuse(&rig, 0);
    rig_send(&rig, first, GET);
    backend = rig_backend(&rig, 1);
    assert_true(backend >= 0);
    rig_send(&rig, backend, OK_5);
    expect_status(first, "200");
    assert_int_equal(clients_counters(rig.clients)->backend_connects, 2);
    close(backend);
    rig_send(&rig, second, GET);
    backend = rig_backend(&rig, 1);
    assert_true(backend >= 0);
    assert_int_equal(clients_counters(rig.clients)->backend_connects, 3);
    close(backend);
    close(first);
    close(second);
}

static void when_all_backends_are_known_bad_it_is_503(void **state)
{
    int first = rig_client(&rig), second = rig_client(&rig);

    (void)state;
    rig_refuse(&rig, 0);
    rig_refuse(&rig, 1);
    rig_send(&rig, first, GET);
    expect_status(first, "502");
    rig_send(&rig, second, GET);
    expect_status(second, "503");
    close(first);
    close(second);
}

static void a_backend_that_dies_before_its_reply_is_502(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    close(backend);
    expect_status(client, "502");
    close(client);
}

static void each_failure_of_a_backend_counts_once(void **state)
{
    enum { ENDS, TALKS_NONSENSE, SAYS_NOTHING, RESETS, REFUSES, CASES };

    (void)state;
    for (int way = ENDS; way < CASES; way++) {
        int client = rig_client(&rig), backend;

        if (way == REFUSES)
            rig_refuse(&rig, 0);
        rig_send(&rig, client, GET);
        backend = way != REFUSES ? rig_backend(&rig, 0) : -1;
        if (way < RESETS)
            (void)rig_receive(&rig, backend); /* unread data makes a reset */
        if (way == TALKS_NONSENSE)
            rig_send(&rig, backend, "HELO\r\n\r\n");
        if (way == SAYS_NOTHING)
            rig_wait(&rig, 12 * 60000); /* response_timeout */
        close(backend);
        expect_status(client, way == SAYS_NOTHING ? "504" : "502");
        assert_int_equal(clients_counters(rig.clients)->backend_failures, way + 1);
        close(client);
    }
}

static void a_cut_reply_looks_cut(void **state)
{
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, GET);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, replies[i]);
        expect_status(client, "200");
        close(backend);
        rig_iterate(&rig);
        assert_int_equal(last_client()->stream.write, STREAM_WRITE_CUT_SENT);
        assert_true(rig_has_ended(&rig, client));
        close(client);
        rig_iterate(&rig);
        assert_int_equal(ended(END_BACKEND_GONE), i + 1);
    }
}

static void a_reply_without_length_ends_with_its_connection(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET_AND_CLOSE);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, "HTTP/1.0 200 OK\r\n\r\nhello");
    expect_status(client, "200");
    assert_false(rig_has_ended(&rig, client));
    close(backend);
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(last_client()->stream.write, STREAM_WRITE_FIN_SENT);
    close(client);
}

static void a_reset_in_a_reply_without_length_is_a_cut(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET_AND_CLOSE);
    backend = rig_backend(&rig, 0); /* its request stays unread: closing resets */
    rig_send(&rig, backend, "HTTP/1.0 200 OK\r\n\r\nhello");
    expect_status(client, "200");
    close(backend);
    rig_iterate(&rig);
    assert_int_equal(last_client()->stream.write, STREAM_WRITE_CUT_SENT);
    close(client);
}

static void nonsense_from_the_backend_is_502(void **state)
{
    static const char *const replies[] = {
        "HELO\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "upgrade\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, GET);
        backend = rig_backend(&rig, 0);
        rig_send(&rig, backend, replies[i]);
        expect_status(client, "502");
        close(client);
        close(backend);
        rig_iterate(&rig);
    }
}

static void bytes_behind_a_reply_cost_their_connection_only(void **state)
{
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    int client = rig_client(&rig);

    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        rig_send(&rig, client, GET);
        int backend = rig_backend(&rig, 0);
        assert_non_null(rig_receive(&rig, backend));
        rig_send(&rig, backend, replies[i]);
        expect_status(client, i == 0 ? "200" : "204");
        assert_true(rig_has_ended(&rig, backend));
        close(backend);
    }
    close(client);
}

static void an_idle_backend_connection_is_used_again(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    for (int i = 0; i < 3; i++) {
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, OK_5);
        expect_status(client, "200");
        rig_send(&rig, client, GET);
        assert_int_equal(rig_backend(&rig, 0), -1);
    }
    assert_int_equal(clients_counters(rig.clients)->backend_connects, 1);
    assert_int_equal(clients_counters(rig.clients)->backend_reuses, 3);
    close(client);
    close(backend);
}

/* Where one side might see a body and the other none, the connection ends. */
static void a_connection_with_a_doubtful_end_serves_no_other_request(void **state)
{
    static const struct {
        const char *request, *reply, *status;
    } doubtful[] = {
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", OK_5, "200"},
        {GET, "HTTP/1.1 204 No Content\r\n\r\n", "204"},
        {GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "304"},
        {GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, doubtful[i].request);
        backend = rig_backend(&rig, 0);
        assert_non_null(rig_receive(&rig, backend));
        rig_send(&rig, backend, doubtful[i].reply);
        expect_status(client, doubtful[i].status);
        assert_true(rig_has_ended(&rig, backend));
        close(client);
        close(backend);
    }
    assert_int_equal(clients_counters(rig.clients)->backend_reuses, 0);
}

static void a_post_makes_a_connection_of_its_own(void **state)
{
    static const char *const unrepeatable[] = {
        POST_HEAD "0123456789",
        "PATCH / HTTP/1.1\r\nHost: wlb\r\nContent-Length: 2\r\n\r\nhi",
        "PUT / HTTP/1.1\r\nHost: wlb\r\nContent-Length: 2\r\n\r\nhi",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(unrepeatable) / sizeof(unrepeatable[0]); i++) {
        int client = rig_client(&rig), idle, own;

        rig_send(&rig, client, GET);
        idle = rig_backend(&rig, 0);
        (void)rig_receive(&rig, idle);
        rig_send(&rig, idle, OK_5);
        expect_status(client, "200");
        rig_send(&rig, client, unrepeatable[i]);
        own = rig_backend(&rig, 0);
        assert_true(own >= 0);
        rig_send(&rig, own, OK_5);
        expect_status(client, "200");
        close(idle);
        close(own);
        close(client);
        rig_iterate(&rig);
    }
    assert_int_equal(clients_counters(rig.clients)->backend_reuses, 0);
}

static void a_post_uses_an_idle_connection_where_an_option_says_so(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    rig_send(&rig, client, POST_HEAD "0123456789");
    assert_non_null(strstr(rig_receive(&rig, backend), "0123456789"));
    assert_int_equal(rig_backend(&rig, 0), -1);
    close(client);
    close(backend);
}

static void a_stale_connection_costs_a_get_nothing_and_a_post_is_not_repeated(
    void **state)
{
    static const char *const requests[] = {GET, POST_HEAD "0123456789"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, GET);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, OK_5);
        expect_status(client, "200");
        rig_send(&rig, client, requests[i]);
        (void)rig_receive(&rig, backend);
        close(backend);
        backend = rig_backend(&rig, 0);
        if (i == 0) {
            assert_true(backend >= 0);
            rig_send(&rig, backend, OK_5);
            expect_status(client, "200");
            close(backend);
        } else {
            assert_int_equal(backend, -1);
            expect_status(client, "502");
        }
        close(client);
        rig_iterate(&rig);
    }
}

static void an_idle_backend_connection_that_speaks_or_ends_is_given_up(void **state)
{
    static const char *const abort_log[] = {OK_5, ""};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, GET);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, OK_5);
        expect_status(client, "200");
        rig_send(&rig, backend, abort_log[i]);
        shutdown(backend, SHUT_WR);
        rig_iterate(&rig);
        assert_int_equal(rig.clients->backend_count, 0);
        close(backend);
        close(client);
    }
}

/* As much as one read takes, and then bytes that nobody asked for. */
static void surplus_after_a_reply_is_no_reply_to_the_next(void **state)
{
    static char reply[LOOP_READ_SIZE + 1];
    int client = rig_client(&rig), backend, other;
    size_t head;

    (void)state;
    memset(reply, 'x', LOOP_READ_SIZE);
    head = (size_t)snprintf(reply, sizeof(reply),
        "HTTP/1.1 200 OK\r\nContent-Length: %06d\r\n\r\n", LOOP_READ_SIZE - 43);
    assert_int_equal(head, 43);
    reply[head] = 'x';
    rig_send(&rig, client, GET GET);
    backend = rig_backend(&rig, 0);
    assert_int_equal(send(backend, reply, LOOP_READ_SIZE, 0), LOOP_READ_SIZE);
    assert_int_equal(send(backend, OK_5, strlen(OK_5), 0), strlen(OK_5));
    other = rig_backend(&rig, 0);
    assert_true(other >= 0);
    rig_send(&rig, other, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
    assert_null(strstr(rig_receive(&rig, client), "hello"));
    close(backend);
    close(other);
    close(client);
}

static void a_retired_generation_keeps_no_connection_and_its_clients_stay(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    assert_int_equal(rig.clients->backend_count, 1);
    clients_retire(rig.generation);
    rig_iterate(&rig);
    assert_int_equal(rig.clients->backend_count, 0);
    close(backend);
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    rig_iterate(&rig);
    assert_int_equal(rig.clients->backend_count, 0);
    close(client);
    close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start, a_refusing_backend_is_502),
        WITH(start, our_own_error_keeps_the_connection_where_framing_is_safe),
        WITH(start, our_own_error_ends_the_connection_where_it_is_not),
        WITH(start_two, the_next_backend_is_tried_and_the_bad_one_passed_over),
        WITH(start_two, when_all_backends_are_known_bad_it_is_503),
        WITH(start, a_backend_that_dies_before_its_reply_is_502),
        WITH(start, each_failure_of_a_backend_counts_once),
        WITH(start, a_cut_reply_looks_cut),
        WITH(start, a_reply_without_length_ends_with_its_connection),
        WITH(start, a_reset_in_a_reply_without_length_is_a_cut),
        WITH(start, nonsense_from_the_backend_is_502),
        WITH(start_keeping, bytes_behind_a_reply_cost_their_connection_only),
        WITH(start_keeping, an_idle_backend_connection_is_used_again),
        WITH(start_keeping, a_post_makes_a_connection_of_its_own),
        WITH(start_keeping_posts, a_post_uses_an_idle_connection_where_an_option_says_so),
        WITH(start_keeping, a_connection_with_a_doubtful_end_serves_no_other_request),
        WITH(start_keeping_posts,
            a_stale_connection_costs_a_get_nothing_and_a_post_is_not_repeated),
        WITH(start_keeping, an_idle_backend_connection_that_speaks_or_ends_is_given_up),
        WITH(start_keeping, surplus_after_a_reply_is_no_reply_to_the_next),
        WITH(
            start_keeping, a_retired_generation_keeps_no_connection_and_its_clients_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
