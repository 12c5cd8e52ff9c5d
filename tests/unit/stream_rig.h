/*
 * stream_rig.h - a stream under test, the events its owner got, and its peer at the other
 * end of a TCP connection.
 */
#ifndef WLBPROXY_TESTS_STREAM_RIG_H
#define WLBPROXY_TESTS_STREAM_RIG_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/loop_rig.h"

enum { LARGE = 3 * 1000 * 1000 };

static SSL_CTX *client_context;

/* The events of the stream under test. */
static struct {
    struct stream stream;
    unsigned opened, drained, close_notified, fin, end_known, failed, closed;
    enum end_reason reason;
    struct buffer data;
    void (*on_data)(struct stream *s);
    void (*on_opened)(struct stream *s);
    void (*on_drained)(struct stream *s);
    bool close_when_failed;
} owner;

static int peer; /* the other end's descriptor */

static inline void on_opened(struct stream *s)
{
    owner.opened++;
    if (owner.on_opened != NULL)
        owner.on_opened(s);
}

static inline void on_data(struct stream *s, const char *bytes, size_t len)
{
    assert_int_equal(owner.opened, 1);
    buffer_append(&owner.data, bytes, len);
    if (owner.on_data != NULL)
        owner.on_data(s);
}

static inline void on_drained(struct stream *s)
{
    owner.drained++;
    if (owner.on_drained != NULL)
        owner.on_drained(s);
}

static inline void on_close_notify(struct stream *s)
{
    (void)s;
    assert_int_equal(owner.fin, 0);
    owner.close_notified++;
}

static inline void on_fin(struct stream *s)
{
    (void)s;
    owner.fin++;
}

static inline void on_end_known(struct stream *s)
{
    (void)s;
    owner.end_known++;
}

static inline void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    assert_non_null(detail);
    owner.failed++;
    owner.reason = reason;
    if (owner.close_when_failed)
        stream_close(s);
}

static inline void on_closed(struct stream *s)
{
    (void)s;
    owner.closed++;
}

static const struct stream_events events = {on_opened, on_data, on_drained,
    on_close_notify, on_fin, on_end_known, on_failed, on_closed};

static inline void a_few_iterations(void)
{
    for (int i = 0; i < 20; i++)
        iterate();
}

/* Setup of a group of tests. */
static inline int make_loop(void **state)
{
    (void)state;
    loop_init(&loop);
    make_server_context();
    client_context = SSL_CTX_new(TLS_client_method());
    return 0;
}

static inline int free_loop(void **state)
{
    (void)state;
    loop_destroy(&loop);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    return 0;
}

/* Setup of a test. */
static inline int forget(void **state)
{
    (void)state;
    buffer_destroy(&owner.data);
    memset(&owner, 0, sizeof(owner));
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

static inline struct sockaddr_in loopback(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return address;
}

/* Two ends of one TCP connection: a reset needs real TCP. */
static inline void tcp_pair(int pair[2])
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(listener);

    assert_int_equal(listen(listener, 1), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&address, sizeof(address)), 0);
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(listener);
}

static inline void accept_stream(SSL_CTX *context)
{
    int pair[2];

    tcp_pair(pair);
    peer = pair[1];
    stream_accept(&owner.stream, &loop, &events, pair[0], (struct tls_context *)context);
}

static inline void finish(void)
{
    stream_close(&owner.stream);
    stream_close(&owner.stream);
    assert_int_equal(owner.closed, 0);
    ITERATE_UNTIL(owner.closed);
    if (peer >= 0)
        close(peer);
    a_few_iterations();
    assert_int_equal(owner.closed, 1);
}

static inline bool received(const char *text)
{
    return buffer_len(&owner.data) == strlen(text) &&
        memcmp(buffer_data(&owner.data), text, strlen(text)) == 0;
}

static inline void expect_from_peer(const char *text)
{
    char got[256];
    size_t len = 0;

    while (len < strlen(text)) {
        ssize_t n = -1;

        ITERATE_UNTIL((n = recv(peer, got + len, strlen(text) - len, MSG_DONTWAIT)) >= 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_memory_equal(got, text, len);
}

static inline void expect_fin(void)
{
    char byte;
    ssize_t n = -1;

    ITERATE_UNTIL((n = recv(peer, &byte, 1, MSG_DONTWAIT)) >= 0);
    assert_int_equal(n, 0);
}

#endif
