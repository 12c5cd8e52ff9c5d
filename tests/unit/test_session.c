#include "session_case.h"

static void a_request_reaches_the_backend_and_its_reply_the_client(void **state)
{
    int client = rig_client(&rig), backend;
    const char *text;

    (void)state;
    rig_send(&rig, client, GET_AND_CLOSE);
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    text = rig_receive(&rig, backend);
    assert_non_null(text);
    assert_memory_equal(text, "GET / HTTP/1.1\r\n", 16);
    rig_send(&rig, backend, OK_5);
    text = rig_receive(&rig, client);
    assert_non_null(strstr(text, "\r\n\r\nhello"));
    assert_true(rig_has_ended(&rig, client));
    close(client);
    rig_iterate(&rig);
    assert_int_equal(clients_count(rig.clients), 0);
    assert_int_equal(ended(END_DONE), 1);
    close(backend);
}

static void a_probe_opens_no_backend_connection(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    close(client);
    assert_int_equal(rig_backend(&rig, 0), -1);
    assert_int_equal(ended(END_PROBE), 1);
    assert_int_equal(clients_count(rig.clients), 0);
}

static void no_backend_connection_before_the_head_is_complete(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, "GET / HTTP/1.1\r\nHost: wlb\r\n");
    assert_int_equal(rig_backend(&rig, 0), -1);
    close(client);
}

static void bytes_one_by_one_are_the_same(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    for (const char *at = GET; *at != '\0'; at++)
        rig_send(&rig, client, (char[]){*at, '\0'});
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    for (const char *at = OK_5; *at != '\0'; at++)
        rig_send(&rig, backend, (char[]){*at, '\0'});
    assert_non_null(strstr(rig_receive(&rig, client), "\r\n\r\nhello"));
    close(client);
    close(backend);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client,
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 1; i <= 3; i++) {
        int backend = rig_backend(&rig, 0);
        char line[64], body[8];
        const char *text;

        assert_true(backend >= 0);
        assert_int_equal(rig_backend(&rig, 0), -1);
        snprintf(line, sizeof(line), "GET /%d HTTP/1.1\r\n", i);
        assert_memory_equal(rig_receive(&rig, backend), line, strlen(line));
        snprintf(line, sizeof(line), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", i);
        rig_send(&rig, backend, line);
        text = rig_receive(&rig, client);
        snprintf(body, sizeof(body), "\r\n\r\n%d", i);
        assert_non_null(strstr(text, body));
        close(backend);
    }
    close(client);
}

static int start_with_paths(void **state)
{
    (void)state;
    rig_start(&rig, "paths = GET /ok\nmax_pipelined = 4\n", 1);
    return 0;
}

#define GET_OK "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_NO "GET /no HTTP/1.1\r\nHost: a\r\n\r\n"

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}

/* Answers the request for /ok that is on its way, and returns what the client gets. */
static const char *answer_ok(int client)
{
    int backend = rig_backend(&rig, 0);

    assert_true(backend >= 0);
    assert_memory_equal(rig_receive(&rig, backend), "GET /ok ", 8);
    rig_send(&rig, backend, OK_5);
    close(backend);
    return rig_receive(&rig, client);
}

static void a_refused_request_that_waited_is_answered_once(void **state)
{
    int client = rig_client(&rig);
    const char *text;

    (void)state;
    rig_send(&rig, client, GET_OK GET_NO GET_NO GET_OK);
    text = answer_ok(client);
    assert_int_equal(count_of(text, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(text, "HTTP/1.1 404"), 2);
    text = answer_ok(client);
    assert_int_equal(count_of(text, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(text, "HTTP/1.1 404"), 0);
    assert_int_equal(clients_counters(rig.clients)->requests, 4);
    close(client);
    rig_iterate(&rig);
    assert_int_equal(clients_count(rig.clients), 0);
}

static void refused_requests_count_as_pipelined(void **state)
{
    int client = rig_client(&rig);
    const char *text;

    (void)state;
    rig_send(&rig, client, GET_OK GET_NO GET_NO GET_NO GET_NO GET_NO GET_NO);
    text = answer_ok(client);
    assert_int_equal(count_of(text, "HTTP/1.1 404"), 4); /* max_pipelined */
    assert_int_equal(count_of(text, "Connection: close"), 1);
    assert_true(rig_has_ended(&rig, client));
    close(client);
}

static void a_half_close_behind_refused_requests_ends_after_their_answers(void **state)
{
    int client = rig_client(&rig);
    const char *text;

    (void)state;
    rig_send(&rig, client, GET_OK GET_NO);
    rig_close_notify(&rig);
    text = answer_ok(client);
    assert_int_equal(count_of(text, "HTTP/1.1 200"), 1);
    assert_int_equal(count_of(text, "HTTP/1.1 404"), 1);
    assert_true(rig_has_ended(&rig, client));
    close(client);
    rig_iterate(&rig);
    assert_int_equal(clients_count(rig.clients), 0);
}

/* RFC 9112, 2.2, has one; a second one is refused also when it comes by itself. */
static void a_second_empty_line_is_refused(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, "\r\n");
    assert_string_equal(rig_receive(&rig, client), "");
    rig_send(&rig, client, "\r\n");
    assert_non_null(strstr(rig_receive(&rig, client), "HTTP/1.1 400"));
    close(client);
}

static void a_clients_half_close_still_gets_all_its_answers(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, GET GET);
    rig_close_notify(&rig);
    for (int i = 0; i < 2; i++) {
        int backend = rig_backend(&rig, 0);

        assert_true(backend >= 0);
        rig_send(&rig, backend, OK_5);
        assert_non_null(strstr(rig_receive(&rig, client), "hello"));
        close(backend);
    }
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(clients_count(rig.clients), 0);
    assert_int_equal(ended(END_DONE), 1);
    close(client);
}

static void a_client_that_resets_aborts_its_backend_request(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD "0123456789");
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel");
    close(client); /* closing with unread data makes a reset */
    rig_iterate(&rig);
    (void)rig_receive(&rig, backend);
    assert_true(rig_has_ended(&rig, backend));
    assert_int_equal(ended(END_CLIENT_RESET), 1);
    close(backend);
}

static void interim_replies_are_swallowed(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(
        &rig, backend, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" OK_5);
    expect_status(client, "200");
    close(client);
    close(backend);
}

static void expect_continue_is_answered_by_us(void **state)
{
    int client = rig_client(&rig), backend;
    const char *text;

    (void)state;
    rig_send(&rig, client,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: "
        "100-continue\r\n\r\n");
    expect_status(client, "100");
    backend = rig_backend(&rig, 0);
    rig_send(&rig, client, "hello");
    text = rig_receive(&rig, backend);
    assert_null(strcasestr(text, "expect"));
    assert_non_null(strstr(text, "\r\n\r\nhello"));
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(client);
    close(backend);
}

static void a_body_too_large_is_413(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD);
    expect_status(client, "413");
    assert_int_equal(rig_backend(&rig, 0), -1);
    close(client);

    client = rig_client(&rig);
    rig_send(&rig, client,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    rig_send(&rig, client, "5\r\nhello\r\n");
    expect_status(client, "413");
    (void)rig_receive(&rig, backend);
    assert_true(rig_has_ended(&rig, backend));
    close(client);
    close(backend);
}

static void an_early_reply_ends_the_connection_after_it(void **state)
{
    int client = rig_client(&rig), backend;
    const char *text;

    (void)state;
    rig_send(&rig, client, POST_HEAD "012");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, OK_5);
    text = rig_receive(&rig, client);
    assert_non_null(strstr(text, "hello"));
    assert_non_null(strcasestr(text, "connection: close"));
    assert_true(rig_has_ended(&rig, client));
    assert_true(rig_has_ended(&rig, backend));
    rig_send(&rig, client, "3456789 and what else it has to say");
    close(client);
    rig_iterate(&rig);
    assert_int_equal(clients_count(rig.clients), 0);
    assert_int_equal(ended(END_DONE), 1);
    close(backend);
}

static void a_bad_request_is_400_and_reaches_nobody(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    expect_status(client, "400");
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(rig_backend(&rig, 0), -1);
    assert_int_equal(ended(END_BAD_REQUEST), 0); /* it lingers */
    close(client);
    rig_iterate(&rig);
    assert_int_equal(ended(END_BAD_REQUEST), 1);
}

static void each_state_has_its_deadline(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_wait(&rig, 76000); /* idle_timeout */
    assert_true(rig_has_ended(&rig, client));
    close(client);
    rig_iterate(&rig);
    assert_int_equal(ended(END_IDLE_TIMEOUT), 1);

    client = rig_client(&rig);
    rig_send(&rig, client, "GET / ");
    rig_wait(&rig, 31000); /* head_timeout */
    expect_status(client, "408");
    close(client);

    client = rig_client(&rig);
    rig_send(&rig, client, POST_HEAD "0");
    backend = rig_backend(&rig, 0);
    rig_wait(&rig, 61000); /* body_timeout */
    expect_status(client, "408");
    (void)rig_receive(&rig, backend);
    assert_true(rig_has_ended(&rig, backend));
    close(client);
    close(backend);

    client = rig_client(&rig);
    rig_send(&rig, client, GET_AND_CLOSE);
    backend = rig_backend(&rig, 0);
    rig_wait(&rig, 61000);
    assert_string_equal(rig_receive(&rig, client), "");
    rig_wait(&rig, 12 * 60000); /* response_timeout */
    expect_status(client, "504");
    rig_wait(&rig, 6000); /* linger_timeout */
    assert_int_equal(clients_count(rig.clients), 0);
    close(client);
    close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start, a_request_reaches_the_backend_and_its_reply_the_client),
        WITH(start, a_probe_opens_no_backend_connection),
        WITH(start, no_backend_connection_before_the_head_is_complete),
        WITH(start, bytes_one_by_one_are_the_same),
        WITH(start, pipelined_requests_are_answered_in_order),
        WITH(start_with_paths, a_refused_request_that_waited_is_answered_once),
        WITH(start_with_paths, refused_requests_count_as_pipelined),
        WITH(start_with_paths,
            a_half_close_behind_refused_requests_ends_after_their_answers),
        WITH(start, a_second_empty_line_is_refused),
        WITH(start, a_clients_half_close_still_gets_all_its_answers),
        WITH(start, a_client_that_resets_aborts_its_backend_request),
        WITH(start, interim_replies_are_swallowed),
        WITH(start, expect_continue_is_answered_by_us),
        WITH(start_small, a_body_too_large_is_413),
        WITH(start, an_early_reply_ends_the_connection_after_it),
        WITH(start, a_bad_request_is_400_and_reaches_nobody),
        WITH(start, each_state_has_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
