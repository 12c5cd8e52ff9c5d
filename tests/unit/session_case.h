/*
 * session_case.h - one rig for all tests of a program: started before each, and stopped
 * after it.
 */
#ifndef WLBPROXY_TESTS_SESSION_CASE_H
#define WLBPROXY_TESTS_SESSION_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "session_rig.h"

static struct rig rig;

#define GET "GET / HTTP/1.1\r\nHost: wlb\r\n\r\n"
#define GET_AND_CLOSE "GET / HTTP/1.1\r\nHost: wlb\r\nConnection: close\r\n\r\n"
#define POST_HEAD "POST / HTTP/1.1\r\nHost: wlb\r\nContent-Length: 10\r\n\r\n"
#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static inline int start(void **state)
{
    (void)state;
    rig_start(&rig, "", 1);
    return 0;
}

static inline int start_keeping(void **state)
{
    (void)state;
    rig_start(&rig, "backend_keepalive = 4\n", 1);
    return 0;
}

static inline int start_two(void **state)
{
    (void)state;
    rig_start(&rig, "", 2);
    return 0;
}

static inline int start_keeping_posts(void **state)
{
    (void)state;
    rig_start(&rig, "backend_keepalive = 4\nbackend_keepalive_post = on\n", 1);
    return 0;
}

static inline int start_two_tcp(void **state)
{
    (void)state;
    rig_start(&rig, "protocol = tcp\n", 2);
    return 0;
}

static inline int start_small(void **state)
{
    (void)state;
    rig_start(&rig, "max_body = 8b\n", 1);
    return 0;
}

static inline int start_tcp(void **state)
{
    (void)state;
    rig_start(&rig, "protocol = tcp\n", 1);
    return 0;
}

static inline int start_websocket(void **state)
{
    (void)state;
    rig_start(&rig, "upgrade = websocket\n", 1);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static inline uint64_t ended(enum end_reason reason)
{
    return clients_counters(rig.clients)->ends[reason];
}

static inline struct client *last_client(void)
{
    return container_of(rig.clients->clients.prev, struct client, link);
}

static inline void expect_status(int client, const char *status)
{
    const char *text = rig_receive(&rig, client);

    assert_non_null(text);
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, status, 3) != 0)
        fail_msg("expected %s, got: %s", status, text);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, stop)

#endif
