#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/session/exchange.h"
#include "session_rig.h"

static struct rig rig;

#define GET "GET / HTTP/1.1\r\nHost: wlb\r\n\r\n"
#define GET_AND_CLOSE "GET / HTTP/1.1\r\nHost: wlb\r\nConnection: close\r\n\r\n"
#define POST_HEAD "POST / HTTP/1.1\r\nHost: wlb\r\nContent-Length: 10\r\n\r\n"
#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static int start(void **state)
{
    (void)state;
    rig_start(&rig, "", 1);
    return 0;
}

static int start_keeping(void **state)
{
    (void)state;
    rig_start(&rig, "backend_keepalive = 4\n", 1);
    return 0;
}

static int start_two(void **state)
{
    (void)state;
    rig_start(&rig, "", 2);
    return 0;
}

static int start_small(void **state)
{
    (void)state;
    rig_start(&rig, "max_body = 8b\n", 1);
    return 0;
}

static int start_tcp(void **state)
{
    (void)state;
    rig_start(&rig, "protocol = tcp\n", 1);
    return 0;
}

static int start_websocket(void **state)
{
    (void)state;
    rig_start(&rig, "upgrade = websocket\n", 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static uint64_t ended(enum end_reason reason)
{
    return front_counters(rig.front)->ends[reason];
}

static struct client *last_client(void)
{
    return container_of(rig.front->clients.prev, struct client, link);
}

static void expect_status(int client, const char *status)
{
    const char *text = rig_receive(&rig, client);

    assert_non_null(text);
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, status, 3) != 0)
        fail_msg("expected %s, got: %s", status, text);
}

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
    rig_turn(&rig);
    assert_int_equal(front_clients(rig.front), 0);
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
    assert_int_equal(front_clients(rig.front), 0);
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

static void a_clients_half_close_still_gets_all_its_answers(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_send(&rig, client, GET GET);
    shutdown(client, SHUT_WR);
    for (int i = 0; i < 2; i++) {
        int backend = rig_backend(&rig, 0);

        assert_true(backend >= 0);
        rig_send(&rig, backend, OK_5);
        assert_non_null(strstr(rig_receive(&rig, client), "hello"));
        close(backend);
    }
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(front_clients(rig.front), 0);
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
    close(client); /* with unread data: a reset */
    rig_turn(&rig);
    (void)rig_receive(&rig, backend);
    assert_true(rig_has_ended(&rig, backend));
    assert_int_equal(ended(END_CLIENT_RESET), 1);
    close(backend);
}

static void a_refusing_backend_is_502(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig_refuse(&rig, 0);
    rig_send(&rig, client, GET);
    expect_status(client, "502");
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(front_counters(rig.front)->responses_own, 1);
    close(client);
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
    assert_int_equal(front_counters(rig.front)->backend_connects, 2);
    close(backend);
    rig_send(&rig, second, GET);
    backend = rig_backend(&rig, 1);
    assert_true(backend >= 0);
    assert_int_equal(front_counters(rig.front)->backend_connects, 3);
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
        rig_turn(&rig);
        assert_true(last_client()->stream.cut);
        assert_true(rig_has_ended(&rig, client));
        close(client);
        rig_turn(&rig);
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
    assert_false(last_client()->stream.cut);
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
    rig_turn(&rig);
    assert_true(last_client()->stream.cut);
    close(client);
}

static void nonsense_from_the_backend_is_502(void **state)
{
    static const char *const replies[] = {
        "HELO\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "upgrade\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
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
        rig_turn(&rig);
    }
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
    rig_turn(&rig);
    assert_int_equal(front_clients(rig.front), 0);
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
    rig_turn(&rig);
    assert_int_equal(ended(END_BAD_REQUEST), 1);
}

static void each_state_has_its_deadline(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_wait(&rig, 76000); /* idle_timeout */
    assert_true(rig_has_ended(&rig, client));
    close(client);
    rig_turn(&rig);
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
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_wait(&rig, 61000);
    assert_string_equal(rig_receive(&rig, client), "");
    rig_wait(&rig, 12 * 60000); /* response_timeout */
    expect_status(client, "504");
    rig_wait(&rig, 6000); /* linger_timeout */
    assert_int_equal(front_clients(rig.front), 0);
    close(client);
    close(backend);
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
        rig_send(&rig, client, i == 1 ? POST_HEAD "0123456789" : GET);
        assert_int_equal(rig_backend(&rig, 0), -1);
    }
    assert_int_equal(front_counters(rig.front)->backend_connects, 1);
    assert_int_equal(front_counters(rig.front)->backend_reuses, 3);
    close(client);
    close(backend);
}

/* Where one side might see a body that the other does not, the connection ends there. */
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
    assert_int_equal(front_counters(rig.front)->backend_reuses, 0);
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
        rig_turn(&rig);
    }
}

static void an_idle_backend_connection_that_speaks_or_ends_is_given_up(void **state)
{
    static const char *const last_words[] = {OK_5, ""};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, GET);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, OK_5);
        expect_status(client, "200");
        rig_send(&rig, backend, last_words[i]);
        shutdown(backend, SHUT_WR);
        rig_turn(&rig);
        assert_int_equal(rig.front->backend_count, 0);
        close(backend);
        close(client);
    }
}

static void a_retired_generation_keeps_no_connection_and_its_clients_stay(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    assert_int_equal(rig.front->backend_count, 1);
    front_retire(rig.front, rig.generation);
    rig_turn(&rig);
    assert_int_equal(rig.front->backend_count, 0);
    close(backend);
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    rig_turn(&rig);
    assert_int_equal(rig.front->backend_count, 0);
    close(client);
    close(backend);
}

static void note(void *owner)
{
    ++*(int *)owner;
}

static void draining_ends_idle_connections_and_lets_busy_ones_finish(void **state)
{
    int idle = rig_client(&rig), busy = rig_client(&rig), backend, empty = 0;
    const char *text;

    (void)state;
    rig_send(&rig, idle, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(idle, "200");
    close(backend);
    rig_send(&rig, busy, GET);
    backend = rig_backend(&rig, 0);
    front_drain(rig.front, note, &empty);
    assert_true(rig_has_ended(&rig, idle));
    assert_false(rig_has_ended(&rig, busy));
    close(idle);
    rig_send(&rig, backend, OK_5);
    text = rig_receive(&rig, busy);
    assert_non_null(strcasestr(text, "connection: close"));
    assert_true(rig_has_ended(&rig, busy));
    assert_int_equal(empty, 0);
    close(busy);
    rig_turn(&rig);
    assert_int_equal(empty, 1);
    close(backend);
}

static void a_tunnel_passes_half_closes_on_both_ways(void **state)
{
    int client = rig_client(&rig), backend = rig_backend(&rig, 0);

    (void)state;
    assert_true(backend >= 0);
    rig_send(&rig, client, "ping");
    assert_string_equal(rig_receive(&rig, backend), "ping");
    shutdown(client, SHUT_WR);
    assert_true(rig_has_ended(&rig, backend));
    rig_send(&rig, backend, "pong");
    assert_string_equal(rig_receive(&rig, client), "pong");
    shutdown(backend, SHUT_WR);
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(front_clients(rig.front), 0);
    assert_int_equal(ended(END_DONE), 1);
    close(client);
    close(backend);
}

static void a_websocket_is_tunnelled_after_its_101_only(void **state)
{
    int client = rig_client(&rig), backend;
    const char *text;

    (void)state;
    rig_send(&rig, client,
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    backend = rig_backend(&rig, 0);
    assert_non_null(strcasestr(rig_receive(&rig, backend), "upgrade: websocket"));
    rig_send(&rig, backend,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n"
        "\r\nfirst");
    text = rig_receive(&rig, client);
    assert_non_null(strstr(text, " 101 "));
    assert_non_null(strstr(text, "\r\n\r\nfirst"));
    rig_send(&rig, client, "up");
    assert_string_equal(rig_receive(&rig, backend), "up");
    rig_send(&rig, backend, "down");
    assert_string_equal(rig_receive(&rig, client), "down");
    close(client);
    rig_turn(&rig);
    close(backend);
}

/* Pushes until nothing more is taken; how much that was. */
static size_t stuff(int from, size_t most)
{
    static const char block[8192];
    size_t pushed = 0, pause = 0;

    while (pushed < most && pause < 20) {
        ssize_t n = send(from, block, sizeof(block), MSG_NOSIGNAL);

        pushed += n > 0 ? (size_t)n : 0;
        pause = n > 0 ? 0 : pause + 1;
        rig_turn(&rig);
    }
    return pushed;
}

static size_t swallow(int fd)
{
    const char *text;
    size_t total = 0;

    while ((text = rig_receive(&rig, fd)) != NULL && *text != '\0')
        total += strlen(text);
    return total;
}

static size_t buffered(void)
{
    const struct client *c = last_client();
    size_t all = stream_unsent(&c->stream) + buffer_len(&c->unparsed);

    if (c->state == CLIENT_EXCHANGE && c->exchange->backend != NULL)
        all += stream_unsent((const struct stream *)c->exchange->backend);
    return all;
}

static void a_reader_that_stalls_holds_little_and_ends_by_its_deadline(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    assert_true(stuff(backend, 100000000) < 4000000);
    assert_true(buffered() > 0 && buffered() <= 256 * 1024);
    rig_wait(&rig, 61000);
    assert_int_equal(ended(END_READ_TIMEOUT), 1);
    assert_true(rig_receive(&rig, backend) == NULL || rig_has_ended(&rig, backend));
    close(client);
    close(backend);
}

static void an_upload_waits_for_a_backend_that_does_not_read(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(
        &rig, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
    backend = rig_backend(&rig, 0);
    assert_true(stuff(client, 8000000) < 4000000);
    assert_true(buffered() > 0 && buffered() <= 256 * 1024);
    (void)swallow(backend);
    assert_true(stuff(client, 1000000) > 100000);
    close(client);
    close(backend);
}

static void clients_beyond_max_connections_wait(void **state)
{
    int clients[100], room = 0;

    (void)state;
    front_on_room(rig.front, note, &room);
    for (int i = 0; i < 100; i++) {
        assert_true(front_has_room(rig.front));
        clients[i] = rig_client(&rig);
    }
    assert_false(front_has_room(rig.front));
    assert_int_equal(room, 0);
    for (int i = 0; i < 100; i++) {
        close(clients[i]);
        rig_turn(&rig);
        assert_int_equal(room, 1);
    }
}

int main(void)
{
#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, stop)
    const struct CMUnitTest tests[] = {
        WITH(start, a_request_reaches_the_backend_and_its_reply_the_client),
        WITH(start, a_probe_opens_no_backend_connection),
        WITH(start, no_backend_connection_before_the_head_is_complete),
        WITH(start, bytes_one_by_one_are_the_same),
        WITH(start, pipelined_requests_are_answered_in_order),
        WITH(start, a_clients_half_close_still_gets_all_its_answers),
        WITH(start, a_client_that_resets_aborts_its_backend_request),
        WITH(start, a_refusing_backend_is_502),
        WITH(start_two, the_next_backend_is_tried_and_the_bad_one_passed_over),
        WITH(start_two, when_all_backends_are_known_bad_it_is_503),
        WITH(start, a_backend_that_dies_before_its_reply_is_502),
        WITH(start, a_cut_reply_looks_cut),
        WITH(start, a_reply_without_length_ends_with_its_connection),
        WITH(start, a_reset_in_a_reply_without_length_is_a_cut),
        WITH(start, nonsense_from_the_backend_is_502),
        WITH(start, interim_replies_are_swallowed),
        WITH(start, expect_continue_is_answered_by_us),
        WITH(start_small, a_body_too_large_is_413),
        WITH(start, an_early_reply_ends_the_connection_after_it),
        WITH(start, a_bad_request_is_400_and_reaches_nobody),
        WITH(start, each_state_has_its_deadline),
        WITH(start_keeping, an_idle_backend_connection_is_used_again),
        WITH(start_keeping, a_connection_with_a_doubtful_end_serves_no_other_request),
        WITH(start_keeping,
            a_stale_connection_costs_a_get_nothing_and_a_post_is_not_repeated),
        WITH(start_keeping, an_idle_backend_connection_that_speaks_or_ends_is_given_up),
        WITH(
            start_keeping, a_retired_generation_keeps_no_connection_and_its_clients_stay),
        WITH(start, draining_ends_idle_connections_and_lets_busy_ones_finish),
        WITH(start_tcp, a_tunnel_passes_half_closes_on_both_ways),
        WITH(start_websocket, a_websocket_is_tunnelled_after_its_101_only),
        WITH(start, a_reader_that_stalls_holds_little_and_ends_by_its_deadline),
        WITH(start, an_upload_waits_for_a_backend_that_does_not_read),
        WITH(start, clients_beyond_max_connections_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
