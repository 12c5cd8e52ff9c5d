#include "proxy/session/exchange.h"
#include "session_case.h"

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
    clients_drain(rig.clients, note, &empty);
    assert_true(rig_has_ended(&rig, idle));
    assert_false(rig_has_ended(&rig, busy));
    close(idle);
    rig_send(&rig, backend, OK_5);
    text = rig_receive(&rig, busy);
    assert_non_null(strcasestr(text, "connection: close"));
    assert_true(rig_has_ended(&rig, busy));
    assert_int_equal(empty, 0);
    close(busy);
    rig_iterate(&rig);
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
    rig_close_notify(&rig);
    assert_true(rig_has_ended(&rig, backend));
    rig_send(&rig, backend, "pong");
    assert_string_equal(rig_receive(&rig, client), "pong");
    shutdown(backend, SHUT_WR);
    assert_true(rig_has_ended(&rig, client));
    assert_int_equal(clients_count(rig.clients), 0);
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
    rig_iterate(&rig);
    close(backend);
}

/* Sends until nothing more is taken; returns how much that was. */
static size_t stuff(int from, size_t most)
{
    static const char block[8192];
    size_t pushed = 0, pause = 0;

    while (pushed < most && pause < 20) {
        ssize_t n = send(from, block, sizeof(block), MSG_NOSIGNAL);

        pushed += n > 0 ? (size_t)n : 0;
        pause = n > 0 ? 0 : pause + 1;
        rig_iterate(&rig);
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

/* Each asks for the next reply, although it has not read the last one. */
static void a_client_that_asks_and_never_reads_holds_little(void **state)
{
    static char reply[60 * 1000];
    int client = rig_client(&rig), requests = 30, replies = 0;

    (void)state;
    memset(reply, 'x', sizeof(reply) - 1);
    memcpy(reply, "HTTP/1.1 200 OK\r\nContent-Length: 59957\r\n\r\n", 42);
    for (int i = 0; i < requests; i++)
        rig_send(&rig, client, GET);
    rig_close_notify(&rig);
    for (int backend; (backend = rig_backend(&rig, 0)) >= 0; replies++) {
        rig_send(&rig, backend, reply);
        close(backend);
        assert_true(buffered() <= 256 * 1024);
    }
    assert_in_range(replies, 2, requests - 1);
    while (replies < requests) {
        int backend = rig_backend(&rig, 0);

        (void)rig_receive(&rig, client);
        if (backend < 0)
            continue;
        rig_send(&rig, backend, reply);
        close(backend);
        replies++;
    }
    (void)swallow(client);
    assert_true(rig_has_ended(&rig, client));
    rig_iterate(&rig);
    assert_int_equal(ended(END_DONE), 1);
    close(client);
}

/* Its own unread bytes would make the kernel reset the connection, and the reply would be
 * lost. */
static void a_client_that_sends_far_too_much_can_still_read_the_413(void **state)
{
    static const char block[64 * 1024];
    int client = rig_client(&rig);

    (void)state;
    rig_send(
        &rig, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    for (size_t sent = 0; sent < 32 * 1000 * 1000;) {
        ssize_t n = send(client, block, sizeof(block), MSG_NOSIGNAL);

        assert_true(n > 0 || errno == EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        rig_iterate(&rig);
    }
    expect_status(client, "413");
    assert_true(rig_has_ended(&rig, client));
    close(client);
    rig_iterate(&rig);
    assert_int_equal(ended(END_BODY_TOO_LARGE), 1);
}

/* Also over a slow line: as long as it sends, but no longer than body_timeout. */
static void a_client_that_still_sends_is_not_reset_so_soon(void **state)
{
    static const char block[4096];

    (void)state;
    for (int trickles = 0; trickles < 2; trickles++) {
        int client = rig_client(&rig), rounds = 0;

        rig_send(&rig, client,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
        expect_status(client, "413");
        while (clients_count(rig.clients) > 0 && rounds < 100) {
            (void)send(client, block, trickles ? 1 : sizeof(block), MSG_NOSIGNAL);
            rig_wait(&rig, 5000); /* linger_timeout */
            rounds++;
        }
        assert_in_range(rounds, trickles ? 1 : 10, trickles ? 2 : 14);
        close(client);
    }
}

/* RFC 9112, 9.5: a client that gets a reply before its request is complete ends its
 * side. */
static void a_client_that_stops_its_request_for_the_reply_gets_all_of_it(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, POST_HEAD "012");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, "HTTP/1.1 409 No\r\nContent-Length: 5\r\n\r\nhe");
    expect_status(client, "409");
    rig_close_notify(&rig);
    rig_send(&rig, backend, "llo");
    assert_string_equal(rig_receive(&rig, client), "llo");
    assert_true(rig_has_ended(&rig, client));
    assert_true(rig_has_ended(&rig, backend));
    assert_int_equal(ended(END_DONE), 1);
    close(client);
    close(backend);
}

/* The one empty line before a request may begin with the last bytes of the previous
 * read. */
static void half_an_empty_line_is_remembered(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, GET "\r");
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    rig_send(&rig, client, GET);
    expect_status(client, "400");
    close(backend);
    close(client);
}

/* As with TCP, where the kernel waits: a full backlog is no refusal. */
static void a_backend_with_a_full_backlog_is_waited_for(void **state)
{
    struct sockaddr *address = (struct sockaddr *)&rig.endpoints[0].address;
    int many_clients = socket(AF_UNIX, SOCK_STREAM, 0), backend,
        client = rig_client(&rig);

    (void)state;
    listen(rig.listeners[0], 0);
    assert_int_equal(connect(many_clients, address, rig.endpoints[0].len), 0);
    rig_send(&rig, client, GET);
    assert_string_equal(rig_receive(&rig, client), "");
    close(rig_backend(&rig, 0)); /* a connection from the backlog */
    rig_wait(&rig, 1000);
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(backend);
    close(many_clients);

    many_clients = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(many_clients, address, rig.endpoints[0].len), 0);
    rig_send(&rig, client, GET);
    rig_wait(&rig, 5000); /* connect_timeout */
    expect_status(client, "504");
    close(many_clients);
    close(client);
}

static void clients_beyond_max_connections_wait(void **state)
{
    int clients[100], room = 0;

    (void)state;
    rig.generation->settings->max_connections_per_source = 0;
    clients_on_room(rig.clients, note, &room);
    for (int i = 0; i < 100; i++) {
        assert_true(clients_have_room(rig.clients));
        clients[i] = rig_client(&rig);
    }
    assert_false(clients_have_room(rig.clients));
    assert_int_equal(room, 0);
    for (int i = 0; i < 100; i++) {
        close(clients[i]);
        rig_iterate(&rig);
        assert_int_equal(room, 1);
    }
}

/* Half of a body of 10 bytes comes, and a minute and a half later `rest`. */
static void send_after_a_pause(int client, const char *rest)
{
    enum { PAUSE = 90 * 1000 /* ms; body_timeout is a minute */ };

    rig_send(&rig, client, POST_HEAD "hello");
    last_client()->exchange->upload.since -= PAUSE;
    rig_send(&rig, client, rest);
}

static void the_piece_that_completes_a_body_is_not_too_slow(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    send_after_a_pause(client, "world");
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    assert_int_equal(ended(END_TOO_SLOW), 0);
    close(client);
    close(backend);
}

static void a_piece_that_completes_no_body_is_too_slow(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    send_after_a_pause(client, "w");
    expect_status(client, "408");
    close(client);
}

static void a_body_is_judged_by_each_body_timeout(void **state)
{
    int client = rig_client(&rig);

    (void)state;
    rig.generation->settings->services[0].body_timeout = 300 * 1000;
    send_after_a_pause(client, "w");
    rig_send(&rig, client, "o");
    assert_int_equal(last_client()->state, CLIENT_EXCHANGE);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start, draining_ends_idle_connections_and_lets_busy_ones_finish),
        WITH(start_tcp, a_tunnel_passes_half_closes_on_both_ways),
        WITH(start_websocket, a_websocket_is_tunnelled_after_its_101_only),
        WITH(start, a_reader_that_stalls_holds_little_and_ends_by_its_deadline),
        WITH(start, an_upload_waits_for_a_backend_that_does_not_read),
        WITH(start, a_client_that_asks_and_never_reads_holds_little),
        WITH(start_small, a_client_that_sends_far_too_much_can_still_read_the_413),
        WITH(start_small, a_client_that_still_sends_is_not_reset_so_soon),
        WITH(start, a_client_that_stops_its_request_for_the_reply_gets_all_of_it),
        WITH(start, half_an_empty_line_is_remembered),
        WITH(start, a_backend_with_a_full_backlog_is_waited_for),
        WITH(start, clients_beyond_max_connections_wait),
        WITH(start, the_piece_that_completes_a_body_is_not_too_slow),
        WITH(start, a_piece_that_completes_no_body_is_too_slow),
        WITH(start, a_body_is_judged_by_each_body_timeout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
