#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/net/iteration.h"
#include "proxy/net/listener.h"

enum { CLIENTS = 2 * LISTENER_BATCH };

static struct loop loop;
static struct listener listener;
static struct sockaddr_in address;
static unsigned accepted, closed, most_in_an_iteration;

static void on_accepted(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    int on = 0;
    socklen_t len = sizeof(on);

    assert_int_equal(peer->ss_family, AF_INET);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    if (++accepted == CLIENTS - 1)
        listener_pause(l);
}

static void on_failed(struct listener *l, int error)
{
    (void)l, (void)error;
    fail();
}

static void on_closed(struct listener *l)
{
    (void)l;
    closed++;
}

static const struct listener_events events = {on_accepted, on_failed, on_closed};

static void accept_all(void)
{
    for (int i = 0; i < 20; i++) {
        unsigned before = accepted;

        loop_iterate(&loop, false);
        if (accepted - before > most_in_an_iteration)
            most_in_an_iteration = accepted - before;
    }
}

static void clients_are_taken_in_batches_and_wait_while_paused(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), clients[CLIENTS];
    socklen_t len = sizeof(address);

    (void)state;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&address, len), 0);
    }
    loop_init(&loop);
    listener_open(&listener, &loop, &events, fd);
    accept_all();
    assert_int_equal(accepted, CLIENTS - 1);
    assert_int_equal(most_in_an_iteration, LISTENER_BATCH);
    listener_resume(&listener);
    accept_all();
    assert_int_equal(accepted, CLIENTS);
    listener_close(&listener);
    listener_close(&listener);
    assert_int_equal(closed, 0);
    accept_all();
    assert_int_equal(closed, 1);
    loop_destroy(&loop);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_taken_in_batches_and_wait_while_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
