#include "bench/load/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/list.h"

enum { HEAD_MAX = 2048, READ_SIZE = 64 * 1024, EVENTS_MAX = 256, SOURCES = 16 };

enum state { CONNECT, HANDSHAKE, SEND, HEAD, BODY, END, HELD };

struct connection {
    int fd;
    enum state state;
    uint32_t watched;
    SSL *ssl;
    SSL_SESSION *session; /* of the connection before */
    double started;
    size_t sent, head_len;
    uint64_t body_left; /* UINT64_MAX: to the end of the connection */
    uint64_t body_got;
    char head[HEAD_MAX];
};

static struct {
    const struct load_options *options;
    SSL_CTX *context;
    struct load_result *result;
    int epoll;
    struct connection *all;
    unsigned active, opened;
    double begin, end;
    bool counting;
} run;

static char sink[READ_SIZE];

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void start(struct connection *c);

static void watch(struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (c->watched == events)
        return;
    epoll_ctl(run.epoll, c->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c->fd, &event);
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

/* With our close_notify; without it OpenSSL would not resume the session again. */
static void part_in_order(struct connection *c)
{
    (void)SSL_shutdown(c->ssl);
    disconnect(c);
}

/* --- what came of it ---------------------------------------------------------------- */

static void next_or_stop(struct connection *c)
{
    if (run.options->idle > 0 && run.opened < run.options->idle)
        start(&run.all[run.opened]);
    else if (run.options->idle == 0 && now() < run.end)
        start(c);
    else
        run.active--;
}

static void failed(struct connection *c, const char *what)
{
    static const char *const during[] = {
        "connect", "handshake", "request", "reply's head", "reply's body", "end", "idle"};
    struct load_result *r = run.result;
    unsigned long error = ERR_peek_last_error();

    if (r->errors++ == 0)
        snprintf(r->first_error, sizeof(r->first_error), "%s: %s", during[c->state],
            error != 0 ? ERR_reason_error_string(error) : what);
    ERR_clear_error();
    SSL_SESSION_free(c->session);
    c->session = NULL;
    disconnect(c);
    if (r->errors > 1000)
        run.end = 0; /* there is no point in going on */
    next_or_stop(c);
}

static void count(struct connection *c, double finished)
{
    if (!run.counting || c->started < run.begin)
        return;
    run.result->operations++;
    run.result->bytes += c->body_got;
    histogram_add(&run.result->latency, (uint64_t)((finished - c->started) * 1e6));
}

static struct shown *find_shown(const unsigned char *serial, size_t len)
{
    struct load_result *r = run.result;

    for (size_t i = 0; i < r->shown_count; i++) {
        if (r->shown[i].serial_len == len && memcmp(r->shown[i].serial, serial, len) == 0)
            return &r->shown[i];
    }
    if (r->shown_count == CERTIFICATES_MAX)
        return NULL;
    r->shown[r->shown_count] = (struct shown){.serial_len = len, .first = now()};
    memcpy(r->shown[r->shown_count].serial, serial, len);
    return &r->shown[r->shown_count++];
}

static void note_certificate(SSL *ssl)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    const ASN1_INTEGER *serial = leaf != NULL ? X509_get0_serialNumber(leaf) : NULL;
    struct shown *shown;

    if (serial == NULL || ASN1_STRING_length(serial) > SERIAL_MAX)
        return;
    shown = find_shown(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
    if (shown == NULL)
        return;
    shown->count++;
    shown->last = now();
}

static void note_handshake(struct connection *c)
{
    struct load_result *r = run.result;

    r->handshakes++;
    r->resumed += SSL_session_reused(c->ssl) ? 1 : 0;
    if (run.options->certificates)
        note_certificate(c->ssl);
    if (r->protocol[0] != '\0')
        return;
    snprintf(r->protocol, sizeof(r->protocol), "%s", SSL_get_version(c->ssl));
    snprintf(r->cipher, sizeof(r->cipher), "%s", SSL_get_cipher_name(c->ssl));
    snprintf(r->group, sizeof(r->group), "%s",
        OBJ_nid2sn((int)SSL_get_negotiated_group(c->ssl)));
}

/* --- the reply ---------------------------------------------------------------------- */

static void operation_done(struct connection *c)
{
    const struct load_options *o = run.options;

    count(c, now());
    if (o->idle > 0) {
        c->state = HELD;
        next_or_stop(c);
        return;
    }
    if (!o->keep_alive)
        part_in_order(c);
    next_or_stop(c);
}

/* Without keep-alive an operation lasts until the server's close_notify. */
static void reply_done(struct connection *c)
{
    const struct load_options *o = run.options;

    if (o->reply_body != UINT64_MAX && c->body_got != o->reply_body)
        failed(c, "the body's length is wrong");
    else if (o->keep_alive || o->idle > 0)
        operation_done(c);
    else
        c->state = END;
}

static bool parse_head(struct connection *c)
{
    const char *field;

    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0)
        return false;
    field = strcasestr(c->head, "\r\ncontent-length:");
    c->body_left = field != NULL ? strtoull(field + 17, NULL, 10) : UINT64_MAX;
    return true;
}

static void take_head(struct connection *c, const char *data, size_t len)
{
    size_t room = HEAD_MAX - 1 - c->head_len;
    size_t take = len < room ? len : room;
    size_t before = c->head_len;
    char *end;

    memcpy(c->head + c->head_len, data, take);
    c->head_len += take;
    c->head[c->head_len] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (end == NULL)
        return;
    if (!parse_head(c))
        return;
    c->state = BODY;
    c->body_got = len - ((size_t)(end + 4 - c->head) - before);
}

/* False when the connection has been ended or given to its next operation. */
static bool take_reply(struct connection *c, const char *data, size_t len)
{
    if (c->state == HEAD)
        take_head(c, data, len);
    else
        c->body_got += len;
    if (c->state == HEAD && c->head_len == HEAD_MAX - 1) {
        failed(c, "no head");
        return false;
    }
    if (c->state == HEAD && c->head_len >= 13 &&
        strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
        failed(c, "the status is not 200");
        return false;
    }
    if (c->state != BODY || c->body_got < c->body_left)
        return true;
    reply_done(c);
    return c->state == END;
}

static void end_of_stream(struct connection *c)
{
    bool to_the_end = c->state == BODY && c->body_left == UINT64_MAX;

    if (to_the_end && run.options->reply_body != UINT64_MAX &&
        c->body_got != run.options->reply_body)
        failed(c, "the body's length is wrong");
    else if (to_the_end || c->state == END)
        operation_done(c);
    else
        failed(c, "the server closed too early");
}

/* --- moving bytes ------------------------------------------------------------------- */

/* True: go on; false: blocked, or over and done with. */
static bool blocked_or_failed(struct connection *c, int result)
{
    int error = SSL_get_error(c->ssl, result);

    if (error == SSL_ERROR_WANT_READ)
        watch(c, EPOLLIN);
    else if (error == SSL_ERROR_WANT_WRITE)
        watch(c, EPOLLIN | EPOLLOUT);
    else if (error == SSL_ERROR_ZERO_RETURN)
        end_of_stream(c);
    else
        failed(c, errno != 0 ? strerror(errno) : "ended without close_notify");
    return false;
}

static bool do_handshake(struct connection *c)
{
    int result = SSL_connect(c->ssl);

    if (result != 1)
        return blocked_or_failed(c, result);
    note_handshake(c);
    if (run.options->handshake_only) {
        count(c, now());
        part_in_order(c);
        next_or_stop(c);
        return false;
    }
    c->state = SEND;
    return true;
}

static bool do_send(struct connection *c)
{
    const struct load_options *o = run.options;
    int result = SSL_write(c->ssl, o->request + c->sent, (int)(o->request_len - c->sent));

    if (result <= 0)
        return blocked_or_failed(c, result);
    c->sent += (size_t)result;
    if (c->sent == o->request_len)
        c->state = HEAD;
    return true;
}

static bool do_receive(struct connection *c)
{
    int result = SSL_read(c->ssl, sink, sizeof(sink));

    if (result <= 0)
        return blocked_or_failed(c, result);
    if (c->state == END) {
        failed(c, "bytes after the reply");
        return false;
    }
    return take_reply(c, sink, (size_t)result);
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

/* --- connections -------------------------------------------------------------------- */

/* Sources differ, so that the ports of one are not used up by those in TIME_WAIT. */
static bool open_socket(struct connection *c)
{
    static unsigned source;
    struct sockaddr_in to = {.sin_family = AF_INET,
        .sin_port = htons(run.options->port),
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
    c->ssl = SSL_new(run.context);
    if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd))
        abort();
    SSL_set_tlsext_host_name(c->ssl, "localhost");
    SSL_set_app_data(c->ssl, c);
    if (run.options->resume && c->session != NULL)
        SSL_set_session(c->ssl, c->session);
    SSL_set_connect_state(c->ssl);
}

static void start(struct connection *c)
{
    c->started = now();
    c->sent = c->head_len = 0;
    c->body_got = c->body_left = 0;
    if (c->fd >= 0) { /* kept alive */
        c->state = SEND;
        watch(c, EPOLLIN | EPOLLOUT);
        return;
    }
    c->state = CONNECT;
    run.opened++;
    if (!open_socket(c)) {
        failed(c, strerror(errno));
        return;
    }
    start_tls(c);
    watch(c, EPOLLOUT);
}

static void on_event(struct connection *c, uint32_t events)
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
    if (c->state == HELD) {
        if ((events & (EPOLLHUP | EPOLLERR | EPOLLIN)) != 0)
            failed(c, "the server ended an idle connection");
        return;
    }
    go_on(c);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);

    if (!run.options->resume)
        return 0;
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* the reference is ours */
}

static void turn(void)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(run.epoll, events, EVENTS_MAX, 10);

    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
}

static void hold(void (*held)(void))
{
    while (run.active > 0)
        turn();
    held();
}

static void go(void (*begun)(void))
{
    while (run.active > 0) {
        turn();
        if (!run.counting && now() >= run.begin) {
            run.begin = now();
            run.end = run.begin + run.options->duration_ms / 1e3;
            run.counting = true;
            begun();
        }
        if (now() > run.end + 5)
            break; /* what still hangs is not waited for */
    }
}

static struct connection *make_connections(size_t count)
{
    struct connection *all = calloc(count, sizeof(*all));

    if (all == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        all[i].fd = -1;
    return all;
}

static void destroy_connections(struct connection *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        disconnect(&all[i]);
        SSL_SESSION_free(all[i].session);
    }
    free(all);
}

void load_run(const struct load_options *options, SSL_CTX *context,
    struct load_result *result, void (*begun)(void), void (*held)(void))
{
    size_t total = options->idle > 0 ? options->idle : options->concurrency;
    size_t at_once = options->concurrency < total ? options->concurrency : total;
    struct connection *all = make_connections(total);

    SSL_CTX_sess_set_new_cb(context, on_new_session);
    run.options = options;
    run.context = context;
    run.all = all;
    run.result = result;
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.begin = now() + options->warmup_ms / 1e3;
    run.end = run.begin + options->duration_ms / 1e3;
    run.active = (unsigned)at_once;
    for (size_t i = 0; i < at_once; i++)
        start(&all[i]);
    if (options->idle > 0)
        hold(held);
    else
        go(begun);
    result->seconds = now() - run.begin;
    destroy_connections(all, total);
    close(run.epoll);
}
