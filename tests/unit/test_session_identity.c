/* A backend connection with a client's identity serves that client only. */
#include "session_case.h"

#define NTLM_GET(token)                                                                  \
    "GET / HTTP/1.1\r\nHost: wlb\r\nAuthorization: NTLM " token "\r\n\r\n"
#define OFFER(field) "HTTP/1.1 401 Unauthorized\r\n" field "\r\nContent-Length: 0\r\n\r\n"

/* A request of another client never comes over the connection of the first. */
static void expect_apart(int backend)
{
    int other = rig_client(&rig), own;

    rig_send(&rig, other, GET);
    own = rig_backend(&rig, 0);
    assert_true(own >= 0);
    rig_send(&rig, own, OK_5);
    expect_status(other, "200");
    assert_string_equal(rig_receive(&rig, backend), "");
    close(own);
    close(other);
    rig_iterate(&rig);
}

/* Also where connections are not kept: the NTLM handshake needs one. */
static void ntlm_works_from_end_to_end_and_stays_apart(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, NTLM_GET("type1"));
    backend = rig_backend(&rig, 0);
    assert_null(strstr(rig_receive(&rig, backend), "Connection: close"));
    rig_send(&rig, backend, OFFER("WWW-Authenticate: NTLM type2"));
    expect_status(client, "401");
    expect_apart(backend);
    rig_send(&rig, client, NTLM_GET("type3"));
    assert_non_null(strstr(rig_receive(&rig, backend), "type3"));
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    expect_apart(backend);
    rig_send(&rig, client, POST_HEAD "0123456789");
    assert_non_null(strstr(rig_receive(&rig, backend), "0123456789"));
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(client);
    assert_true(rig_has_ended(&rig, backend));
    close(backend);
}

static void a_connection_is_bound_by_each_of_these(void **state)
{
    static const struct {
        const char *request, *reply, *status;
    } cases[] = {
        {NTLM_GET("x"), OK_5, "200"},
        {"GET / HTTP/1.1\r\nHost: a\r\nauthorization: negotiate x\r\n\r\n", OK_5, "200"},
        {"GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: NTLM x\r\n\r\n", OK_5, "200"},
        {GET, OFFER("WWW-Authenticate: NTLM"), "401"},
        {GET, OFFER("WWW-Authenticate: Basic realm=\"a, b\", Negotiate"), "401"},
        {GET, OFFER("WWW-Authenticate: Basic realm=\"a\"\r\nwww-authenticate: ntlm"),
            "401"},
        {GET,
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nContent-Length: "
            "0\r\n\r\n",
            "407"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int client = rig_client(&rig), backend;

        rig_send(&rig, client, cases[i].request);
        backend = rig_backend(&rig, 0);
        (void)rig_receive(&rig, backend);
        rig_send(&rig, backend, cases[i].reply);
        expect_status(client, cases[i].status);
        expect_apart(backend);
        rig_send(&rig, client, GET);
        assert_non_null(strstr(rig_receive(&rig, backend), "GET / "));
        rig_send(&rig, backend, OK_5);
        expect_status(client, "200");
        expect_apart(backend);
        close(client);
        assert_true(rig_has_ended(&rig, backend));
        close(backend);
        rig_iterate(&rig);
        clients_retire(rig.generation); /* connections left by
                                         * expect_apart() */
        rig.generation->services[0].idle.retired = false;
        rig_iterate(&rig);
    }
}

static void other_schemes_bind_nothing(void **state)
{
    int client = rig_client(&rig), other = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client,
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic TlRMTTpOVExN\r\n\r\n");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, OFFER("WWW-Authenticate: Basic realm=\"NTLM\""));
    expect_status(client, "401");
    rig_send(&rig, other, GET);
    assert_non_null(strstr(rig_receive(&rig, backend), "GET / "));
    rig_send(&rig, backend, OK_5);
    expect_status(other, "200");
    close(client);
    close(other);
    close(backend);
}

static void a_bound_connection_that_the_backend_ends_is_replaced(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client, NTLM_GET("x"));
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(backend);
    rig_iterate(&rig);
    rig_send(&rig, client, GET);
    backend = rig_backend(&rig, 0);
    assert_true(backend >= 0);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    close(client);
    close(backend);
}

static void a_client_that_ends_with_its_reply_takes_its_connection_along(void **state)
{
    int client = rig_client(&rig), backend;

    (void)state;
    rig_send(&rig, client,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: NTLM "
        "x\r\n\r\n");
    backend = rig_backend(&rig, 0);
    (void)rig_receive(&rig, backend);
    rig_send(&rig, backend, OK_5);
    expect_status(client, "200");
    assert_true(rig_has_ended(&rig, backend));
    close(client);
    close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(start, ntlm_works_from_end_to_end_and_stays_apart),
        WITH(start_keeping, ntlm_works_from_end_to_end_and_stays_apart),
        WITH(start_keeping, a_connection_is_bound_by_each_of_these),
        WITH(start_keeping, other_schemes_bind_nothing),
        WITH(start_keeping, a_bound_connection_that_the_backend_ends_is_replaced),
        WITH(start_keeping, a_client_that_ends_with_its_reply_takes_its_connection_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
