/* The choice of a backend while one of them is down. */
#include "session_case.h"

/* A backend that never answers: its backlog is full, and nobody accepts. */
static int black_hole(int backend)
{
    const struct endpoint *to = &rig.endpoints[backend];
    int many_clients = socket(AF_UNIX, SOCK_STREAM, 0);

    listen(rig.listeners[backend], 0);
    if (connect(many_clients, (const struct sockaddr *)&to->address, to->len) != 0)
        fail_msg("connect: %s", strerror(errno));
    return many_clients;
}

static void leave_black_hole(int backend, int many_clients)
{
    listen(rig.listeners[backend], 64);
    close(rig_backend(&rig, backend));
    close(many_clients);
}

static void expect_reply_of(int client, int backend)
{
    int connection = rig_backend(&rig, backend);

    assert_true(connection >= 0);
    (void)rig_receive(&rig, connection);
    rig_send(&rig, connection, OK_5);
    expect_status(client, "200");
    close(connection);
}

static bool is_up(size_t backend)
{
    return balancer_is_up(balancer_at(rig.generation->services[0].balancer, backend));
}

static void a_black_holed_backend_delays_no_request_but_the_first(void **state)
{
    int many_clients = black_hole(0), first = rig_client(&rig);

    (void)state;
    rig_send(&rig, first, GET);
    rig_wait(&rig, 5000); /* connect_timeout */
    assert_false(is_up(0));
    expect_reply_of(first, 1);
    for (int i = 0; i < 20; i++) {
        int client = rig_client(&rig);

        rig_send(&rig, client, GET);
        expect_reply_of(client, 1);
        rig_wait(&rig, 1000);
        close(client);
    }
    leave_black_hole(0, many_clients);
    close(first);
}

static void requests_that_wait_for_a_black_hole_go_on_together(void **state)
{
    int many_clients = black_hole(0), first = rig_client(&rig), second = rig_client(&rig);

    (void)state;
    rig_send(&rig, first, GET);
    rig_wait(&rig, 4000);
    rig_send(&rig, second, GET);
    rig_wait(&rig, 1000);
    expect_reply_of(first, 1);
    expect_reply_of(second, 1);
    leave_black_hole(0, many_clients);
    close(first);
    close(second);
}

/* Health uses the clock of loop_now(), which rig_wait() does not move. */
static void retry_now(size_t backend)
{
    balancer_at(rig.generation->services[0].balancer, backend)->retry_at = 0;
}

static void a_probe_of_our_own_finds_a_backend_that_is_back(void **state)
{
    int many_clients = black_hole(0), client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, GET);
    rig_wait(&rig, 5000);
    expect_reply_of(client, 1);
    leave_black_hole(0, many_clients);
    retry_now(0);
    rig_send(&rig, client, GET);
    expect_reply_of(client, 1); /* no request waits for the probe */
    close(rig_backend(&rig, 0));
    assert_true(is_up(0));
    rig_send(&rig, client, GET);
    expect_reply_of(client, 0);
    close(client);
}

static void one_probe_at_a_time_and_none_outlives_its_worker(void **state)
{
    int many_clients, client = rig_client(&rig);

    (void)state;
    many_clients = black_hole(0);
    rig_send(&rig, client, GET);
    rig_wait(&rig, 5000);
    expect_reply_of(client, 1);
    retry_now(0);
    for (int i = 0; i < 3; i++) {
        rig_send(&rig, client, GET);
        expect_reply_of(client, 1);
        assert_int_equal(rig.clients->backend_count, 1); /* the probe */
    }
    leave_black_hole(0, many_clients);
    close(client);
}

static void the_next_request_passes_over_a_backend_that_closes_without_a_reply(
    void **state)
{
    int client = rig_client(&rig), next = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD "0123456789");
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    (void)rig_receive(&rig, backend);
    close(backend);
    expect_status(client, "502"); /* it may have been read: it is not sent twice */
    rig_send(&rig, next, POST_HEAD "0123456789");
    assert_int_equal(rig_backend(&rig, 0), -1);
    expect_reply_of(next, 1);
    retry_now(0);
    rig_send(&rig, client, GET); /* the trial */
    rig_send(&rig, next, GET);
    expect_reply_of(next, 1);
    assert_false(is_up(0));
    expect_reply_of(client, 0);
    assert_true(is_up(0));
    close(client);
    close(next);
}

static void the_next_request_passes_over_a_backend_whose_words_are_no_reply(void **state)
{
    static const char *const words[] = {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n", "\x15\3\3"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, POST_HEAD "0123456789");
        backend = rig_backend(&rig, 0);
        assert_true(backend >= 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, words[i]);
        close(backend);
        expect_status(client, "502");
        assert_false(is_up(0));
        rig_send(&rig, client, POST_HEAD "0123456789");
        expect_reply_of(client, 1);
        retry_now(0);
        rig_send(&rig, client, GET); /* the trial */
        expect_reply_of(client, 0);
        assert_true(is_up(0));
        close(client);
    }
}

static void a_get_without_an_answer_goes_to_the_next_backend(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    close(backend);
    expect_reply_of(client, 1);
    assert_false(is_up(0));
    assert_int_equal(clients_counters(rig.clients)->backend_retries, 1);
    retry_now(0); /* both gave no answer: no third try */
    rig_send(&rig, client, GET);
    for (int i = 0; i < 2; i++) {
        backend = rig_backend(&rig, i);
        assert_true(backend >= 0);
        (void)rig_receive(&rig, backend);
        close(backend);
    }
    expect_status(client, "502");
    close(client);
}

static void a_get_whose_answer_began_is_not_sent_again(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, "HTTP/1.1 2");
    close(backend);
    expect_status(client, "502");
    assert_int_equal(rig_backend(&rig, 1), -1);
    close(client);
}

static void a_trial_whose_client_goes_away_decides_nothing(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD "0123456789");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    close(backend);
    expect_status(client, "502");
    close(client);
    retry_now(0);
    client = rig_client(&rig);
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    client_end_now(last_client());
    rig_iterate(&rig);
    close(client);
    close(backend);
    client = rig_client(&rig);
    rig_send(&rig, client, GET);
    expect_reply_of(client, 0);
    assert_true(is_up(0));
    close(client);
}

static void an_upload_that_its_client_stalls_is_not_held_against_the_backend(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD "012");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    close(backend);
    expect_status(client, "502");
    assert_true(is_up(0));
    close(client);
}

static void a_backend_silent_for_response_timeout_is_marked_down(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_wait(&rig, 11 * 60000);
    expect_status(client, "504");
    assert_false(is_up(0));
    close(client);
    close(backend);
}

static void a_tunnel_that_is_closed_at_once_sends_the_next_one_elsewhere(void **state)
{
    int client = rig_client(&rig), backend = rig_backend(&rig, 0), other;

    (void)state;
    close(backend);
    assert_true(rig_has_ended(&rig, client));
    close(client);
    client = rig_client(&rig);
    assert_int_equal(rig_backend(&rig, 0), -1);
    other = rig_backend(&rig, 1);
    assert_true(other >= 0);
    close(other);
    close(client);
}

static void a_tunnel_whose_client_ends_first_says_nothing_of_the_backend(void **state)
{
    int client = rig_client(&rig), backend = rig_backend(&rig, 0);

    (void)state;
    rig_send(&rig, client, "log line");
    shutdown(client, SHUT_WR);
    rig_iterate(&rig);
    (void)rig_receive(&rig, backend);
    close(backend);
    rig_iterate(&rig);
    assert_true(is_up(0));
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start_two, a_black_holed_backend_delays_no_request_but_the_first),
        WITH(start_two, requests_that_wait_for_a_black_hole_go_on_together),
        WITH(start_two, a_probe_of_our_own_finds_a_backend_that_is_back),
        WITH(start_two, one_probe_at_a_time_and_none_outlives_its_worker),
        WITH(start_two,
            the_next_request_passes_over_a_backend_that_closes_without_a_reply),
        WITH(start_two, the_next_request_passes_over_a_backend_whose_words_are_no_reply),
        WITH(start_two, a_get_without_an_answer_goes_to_the_next_backend),
        WITH(start_two, a_get_whose_answer_began_is_not_sent_again),
        WITH(start_two, a_trial_whose_client_goes_away_decides_nothing),
        WITH(start_two, an_upload_that_its_client_stalls_is_not_held_against_the_backend),
        WITH(start_two, a_backend_silent_for_response_timeout_is_marked_down),
        WITH(start_two_tcp, a_tunnel_that_is_closed_at_once_sends_the_next_one_elsewhere),
        WITH(start_two_tcp, a_tunnel_whose_client_ends_first_says_nothing_of_the_backend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
