#include "bench/load/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/load/tally.h"

enum { READ_SIZE = 64 * 1024, SOURCES = 16 };

static char sink[READ_SIZE];

double connection_clock(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void watch(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    int operation = c->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (c->watched != events)
        epoll_ctl(c->load->epoll, operation, c->fd, &event);
    c->watched = events;
}

static void disconnect(struct connection *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->watched = 0;
}

void connection_end(struct connection *c)
{
    disconnect(c);
    SSL_SESSION_free(c->session);
    c->session = NULL;
}

/* ---- the end of an operation ---- */

static void next_or_stop(struct connection *c)
{
    struct load *load = c->load;

    if (load->options->idle > 0 && load->opened < load->options->idle)
        connection_start(&load->connections[load->opened]);
    else if (load->options->idle == 0 && connection_clock() < load->end)
        connection_start(c);
    else
        load->active--;
}

/* Kept-alive connections begin one after the other: thousands of handshakes at a time
 * would outlast the server's deadlines. */
static void start_another(struct load *load)
{
    const struct load_options *o = load->options;

    if (o->keep_alive && load->opened < o->concurrency) {
        load->active++;
        connection_start(&load->connections[load->opened]);
    }
}

static bool failed(struct connection *c, const char *what)
{
    static const char *const during[] = {
        "connect", "handshake", "request", "reply", "end", "idle"};
    struct load *load = c->load;

    tally_error(load->result, during[c->state], what);
    connection_end(c);
    if (load->result->errors > 1000)
        load->end = 0; /* it makes no sense to continue */
    next_or_stop(c);
    return false;
}

static void count(struct connection *c)
{
    const struct load *load = c->load;

    if (!load->counting || c->started < load->begin)
        return;
    load->result->operations++;
    histogram_add(
        &load->result->latency, (uint64_t)((connection_clock() - c->started) * 1e6));
}

static bool operation_done(struct connection *c)
{
    const struct load_options *o = c->load->options;

    count(c);
    start_another(c->load);
    if (o->idle > 0) {
        c->state = HELD;
    } else if (!o->keep_alive) {
        /* It sends our close_notify: without it OpenSSL would not resume the session. */
        (void)SSL_shutdown(c->ssl);
        disconnect(c);
    }
    next_or_stop(c);
    return false;
}

/* ---- the reply ---- */

/* Without keep-alive an operation lasts until the server's close_notify. */
static bool reply_done(struct connection *c)
{
    const struct load_options *o = c->load->options;

    if (o->reply_body != UINT64_MAX && c->reply.body_got != o->reply_body)
        return failed(c, "the body's length is wrong");
    if (c->state != END && (o->keep_alive || o->idle > 0))
        return operation_done(c);
    c->state = END;
    return true;
}

static bool take_reply(struct connection *c, size_t len)
{
    uint64_t before = c->reply.body_got;
    const char *fault = reply_take(&c->reply, sink, len);

    if (c->load->counting)
        c->load->result->bytes += c->reply.body_got - before;
    if (fault != NULL)
        return failed(c, fault);
    return c->reply.is_whole ? reply_done(c) : true;
}

static bool end_of_stream(struct connection *c)
{
    if (c->state == RECEIVE && reply_awaits_end(&c->reply)) {
        c->state = END;
        if (!reply_done(c))
            return false;
    }
    return c->state == END ? operation_done(c) : failed(c, "the server closed too early");
}

/* ---- moving bytes: true to continue, false when blocked or over ---- */

static bool blocked_or_over(struct connection *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        watch(c, EPOLLIN);
        return false;
    case SSL_ERROR_WANT_WRITE:
        watch(c, EPOLLIN | EPOLLOUT);
        return false;
    case SSL_ERROR_ZERO_RETURN:
        return end_of_stream(c);
    default:
        return failed(c, errno != 0 ? strerror(errno) : "ended without close_notify");
    }
}

static bool do_handshake(struct connection *c)
{
    struct load *load = c->load;
    int result = SSL_connect(c->ssl);

    if (result != 1)
        return blocked_or_over(c, result);
    tally_handshake(load->result, c->ssl);
    if (load->options->certificates)
        tally_certificate(load->result, c->ssl, connection_clock());
    if (load->options->handshake_only)
        return operation_done(c);
    c->state = SEND;
    return true;
}

static bool do_send(struct connection *c)
{
    const struct load_options *o = c->load->options;
    int result = SSL_write(c->ssl, o->request + c->sent, (int)(o->request_len - c->sent));

    if (result <= 0)
        return blocked_or_over(c, result);
    c->sent += (size_t)result;
    if (c->sent == o->request_len)
        c->state = RECEIVE;
    return true;
}

static bool do_receive(struct connection *c)
{
    int result = SSL_read(c->ssl, sink, sizeof(sink));

    if (result <= 0)
        return blocked_or_over(c, result);
    return c->state == END ? failed(c, "bytes after the reply")
                           : take_reply(c, (size_t)result);
}

static void go_on(struct connection *c)
{
    bool more = true;

    while (more) {
        errno = 0;
        ERR_clear_error();
        if (c->state == HANDSHAKE)
            more = do_handshake(c);
        else if (c->state == SEND)
            more = do_send(c);
        else
            more = do_receive(c);
    }
}

/* ---- the beginning ---- */

/* The source addresses differ, so that TIME_WAIT does not use up the ports of one. */
static bool open_socket(struct connection *c)
{
    static unsigned source;
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons(c->load->options->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source++ % SOURCES)};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(c->fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
        (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0 || errno == EINPROGRESS);
}

static void start_tls(struct connection *c)
{
    c->ssl = SSL_new(c->load->context);
    if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd))
        abort();
    SSL_set_tlsext_host_name(c->ssl, "localhost");
    SSL_set_app_data(c->ssl, c);
    if (c->load->options->resume && c->session != NULL)
        SSL_set_session(c->ssl, c->session);
    SSL_set_connect_state(c->ssl);
}

void connection_start(struct connection *c)
{
    c->started = connection_clock();
    c->sent = 0;
    reply_start(&c->reply);
    if (c->fd >= 0) { /* kept alive */
        c->state = SEND;
        watch(c, EPOLLIN | EPOLLOUT);
        return;
    }
    c->state = CONNECT;
    c->load->opened++;
    if (!open_socket(c)) {
        failed(c, strerror(errno));
        return;
    }
    start_tls(c);
    watch(c, EPOLLOUT);
}

void connection_on_event(struct connection *c, uint32_t events)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (c->state == CONNECT) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error != 0) {
            failed(c, strerror(error));
            return;
        }
        c->state = HANDSHAKE;
    }
    if (c->state != HELD)
        go_on(c);
    else if ((events & (EPOLLHUP | EPOLLERR | EPOLLIN)) != 0)
        failed(c, "the server ended an idle connection");
}

int connection_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);

    if (!c->load->options->resume)
        return 0;
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* the reference is ours */
}
