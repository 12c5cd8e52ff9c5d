/* Who is told that there is room again, and who goes to make some. */
#include <openssl/ssl.h>

#include "proxy/session/shed.h"
#include "session_case.h"

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

/* The limits of a new configuration count from the next client on, even if that one is
 * not let in. */
static void who_hears_that_there_is_no_room_hears_when_there_is(void **state)
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
    rig_turn(&rig);
    assert_int_equal(room, 1);
}

/* Seen in one turn, and seen to in the next. */
static void say_something(const int *clients, int count)
{
    uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
    for (int i = 0; i < count; i++)
        assert_int_equal(send(clients[i], "\x16", 1, 0), 1);
    uv_run(&rig.loop.uv, UV_RUN_NOWAIT);
}

static struct client *client_number(int index)
{
    struct list *node = rig.clients->clients.next;

    while (index-- > 0)
        node = node->next;
    return container_of(node, struct client, link);
}

static void who_waits_for_us_is_not_replaced_by_who_is_about_to_speak(void **state)
{
    int clients[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        clients[i] = rig_client(&rig);
    rig.clients->max_handshakes = 2;
    assert_ptr_equal(shed_candidate(rig.clients), client_number(0)); /* all are silent */
    say_something(clients + 1, 2);
    assert_int_equal(stream_awaiting_peer_count(&rig.loop), 1);
    assert_true(shed_is_due(rig.clients));
    assert_null(shed_candidate(rig.clients));
    client_number(1)->stream.queued_at -= 700; /* CPU is short */
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
    client_number(1)->stream.peers_turn = client_number(0)->stream.peers_turn - 50;
    assert_ptr_equal(shed_candidate(rig.clients), client_number(1));
    for (int i = 0; i < 2; i++)
        close(clients[i]);
}

int main(void)
{
#define SECURE(test) cmocka_unit_test_setup_teardown(test, start_secure, stop_secure)
    const struct CMUnitTest tests[] = {
        WITH(start, who_hears_that_there_is_no_room_hears_when_there_is),
        SECURE(a_byte_now_and_then_is_no_progress),
        SECURE(who_waits_for_us_is_not_replaced_by_who_is_about_to_speak),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
