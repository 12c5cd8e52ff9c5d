/* Clients that make room, and the callback when there is room again. */
#include <openssl/ssl.h>

#include "proxy/session/shed.h"
#include "session_case.h"

enum { MS = 1000 * 1000 /* ns */ };

static void note(void *owner)
{
    ++*(int *)owner;
}

static int start_secure(void **state)
{
    (void)start(state);
    rig.generation->services[0].tls =
        (struct tls_context *)SSL_CTX_new(TLS_server_method());
    return 0;
}

static int stop_secure(void **state)
{
    SSL_CTX *context = (SSL_CTX *)rig.generation->services[0].tls;

    (void)stop(state);
    SSL_CTX_free(context);
    return 0;
}

/* A new configuration's limits count from the next client on, even if that is refused. */
static void a_worker_without_room_is_told_when_there_is(void **state)
{
    int client = rig_client(&rig), room = 0;

    (void)state;
    clients_on_room(rig.clients, note, &room);
    rig.generation->settings->max_connections = 1;
    rig.generation->settings->max_connections_per_source = 1;
    close(rig_client(&rig));
    assert_int_equal(ended(END_TOO_MANY), 1);
    assert_false(clients_have_room(rig.clients));
    close(client);
    rig_iterate(&rig);
    assert_int_equal(room, 1);
}

/* A client whose only request was answered, and which waits for nothing. */
static int idle_client(void)
{
    int client = rig_client(&rig), backend;

    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(backend);
    return client;
}

static void the_longest_idle_client_makes_room(void **state)
{
    int clients[3];

    (void)state;
    rig.generation->settings->max_connections = 2;
    rig.generation->settings->max_connections_per_source = 0;
    clients[0] = idle_client();
    clients[1] = idle_client();
    assert_true(clients_have_room(rig.clients));
    clients[2] = rig_client(&rig);
    assert_true(rig_has_ended(&rig, clients[0]));
    assert_false(rig_has_ended(&rig, clients[1]));
    assert_false(rig_has_ended(&rig, clients[2]));
    rig_wait(&rig, 250); /* it does not close */
    assert_int_equal(ended(END_MADE_ROOM), 1);
    assert_int_equal(clients_count(rig.clients), 2);
    assert_int_equal(rig.clients->leaving, 0);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

/* One sends a request, one has just come for its first request, one has not read its
 * reply. */
static void nobody_makes_room_who_is_not_idle(void **state)
{
    int asks = rig_client(&rig), fresh = rig_client(&rig);

    (void)state;
    rig_send(&rig, asks, "GET / ");
    rig.generation->settings->max_connections = 3;
    rig.generation->settings->max_connections_per_source = 0;
    int reads_not = rig_client(&rig), backend;
    rig_send(&rig, reads_not, GET);
    backend = rig_backend(&rig, 0);
    rig_send(&rig, backend, OK_5);
    assert_false(clients_have_room(rig.clients));
    expect_status(reads_not, "200");
    assert_true(clients_have_room(rig.clients));
    rig_send(&rig, reads_not, "GET");
    assert_false(clients_have_room(rig.clients));
    rig_wait(&rig, 2000); /* it sends nothing, so it counts as idle */
    assert_true(clients_have_room(rig.clients));
    close(asks);
    close(fresh);
    close(reads_not);
    close(backend);
}

static void one_source_has_half_of_the_room_unless_it_is_said(void **state)
{
    int clients[4];

    (void)state;
    rig.generation->settings->max_connections = 6;
    for (int i = 0; i < 4; i++)
        clients[i] = rig_client(&rig);
    assert_int_equal(ended(END_TOO_MANY), 1);
    rig.generation->settings->max_connections_per_source = 0;
    close(clients[3]);
    clients[3] = rig_client(&rig);
    assert_int_equal(ended(END_TOO_MANY), 1);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
}

/* Read in one iteration, and handled in the next. */
static void say_something(const int *clients, int count)
{
    loop_iterate(&rig.loop, false);
    for (int i = 0; i < count; i++)
        assert_int_equal(send(clients[i], "\x16", 1, 0), 1);
    loop_iterate(&rig.loop, false);
}

static struct client *client_number(int index)
{
    struct list *node = rig.clients->clients.next;

    while (index-- > 0)
        node = node->next;
    return container_of(node, struct client, link);
}

static void a_handshake_that_waits_for_us_is_not_shed_for_a_new_one(void **state)
{
    int clients[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        clients[i] = rig_client(&rig);
    rig.clients->max_handshakes = 2;
    assert_ptr_equal(shed_candidate(rig.clients), client_number(0)); /* all await their
                                                                      * peers */
    say_something(clients + 1, 2);
    assert_int_equal(rig.loop.handshakes.awaiting_peer_count, 1);
    assert_true(shed_is_due(rig.clients));
    assert_null(shed_candidate(rig.clients));
    client_number(1)->stream.handshake.ready_at -= (uint64_t)700 * MS; /* CPU is short */
    assert_ptr_equal(shed_candidate(rig.clients), client_number(1));
    for (int i = 0; i < 3; i++)
        close(clients[i]);
}

static void a_byte_now_and_then_is_no_progress(void **state)
{
    int clients[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        clients[i] = rig_client(&rig);
    rig.clients->max_handshakes = 2;
    assert_ptr_equal(shed_candidate(rig.clients), client_number(0));
    client_number(1)->stream.handshake.peer_awaited_since =
        client_number(0)->stream.handshake.peer_awaited_since - (uint64_t)50 * MS;
    assert_ptr_equal(shed_candidate(rig.clients), client_number(1));
    for (int i = 0; i < 2; i++)
        close(clients[i]);
}

int main(void)
{
#define SECURE(test) cmocka_unit_test_setup_teardown(test, start_secure, stop_secure)
    const struct CMUnitTest tests[] = {
        WITH(start, a_worker_without_room_is_told_when_there_is),
        WITH(start, the_longest_idle_client_makes_room),
        WITH(start, nobody_makes_room_who_is_not_idle),
        WITH(start, one_source_has_half_of_the_room_unless_it_is_said),
        SECURE(a_byte_now_and_then_is_no_progress),
        SECURE(a_handshake_that_waits_for_us_is_not_shed_for_a_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
