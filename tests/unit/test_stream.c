#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "config/error.h"
#include "proxy/crypto/engine.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

enum { TURNS_MAX = 20000, LARGE = 3 * 1000 * 1000 };

static struct loop loop;
static SSL_CTX *server_context, *client_context;

/* What the stream under test told its owner. */
static struct {
    struct stream stream;
    unsigned opened, drained, ended, failed, closed;
    enum end_reason reason;
    struct buffer data;
    void (*on_data)(struct stream *s);
    void (*on_opened)(struct stream *s);
    void (*on_drained)(struct stream *s);
    bool close_when_failed;
} owner;

static int peer; /* the other end's descriptor */

static void on_opened(struct stream *s)
{
    owner.opened++;
    if (owner.on_opened != NULL)
        owner.on_opened(s);
}

static void on_data(struct stream *s, const char *bytes, size_t len)
{
    assert_int_equal(owner.opened, 1);
    buffer_append(&owner.data, bytes, len);
    if (owner.on_data != NULL)
        owner.on_data(s);
}

static void on_drained(struct stream *s)
{
    owner.drained++;
    if (owner.on_drained != NULL)
        owner.on_drained(s);
}

static void on_ended(struct stream *s)
{
    (void)s;
    owner.ended++;
}

static void on_failed(struct stream *s, enum end_reason reason, const char *detail)
{
    assert_non_null(detail);
    owner.failed++;
    owner.reason = reason;
    if (owner.close_when_failed)
        stream_close(s);
}

static void on_closed(struct stream *s)
{
    (void)s;
    owner.closed++;
}

static const struct stream_events events = {
    on_opened, on_data, on_drained, on_ended, on_failed, on_closed};

static void turn(void)
{
    uv_run(&loop.uv, UV_RUN_NOWAIT);
}

#define TURN_UNTIL(condition)                                                            \
    do {                                                                                 \
        int turns = 0;                                                                   \
        while (!(condition) && turns++ < TURNS_MAX)                                      \
            turn();                                                                      \
        assert_true(turns <= TURNS_MAX);                                                 \
    } while (0)

static void a_few_turns(void)
{
    for (int i = 0; i < 20; i++)
        turn();
}

static bool a_few_turns_see_nothing(void)
{
    loop.events_seen = false;
    a_few_turns();
    return !loop.events_seen;
}

static void make_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    server_context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(server_context, x);
    assert_int_equal(SSL_CTX_use_PrivateKey(server_context, key), 1);
    client_context = SSL_CTX_new(TLS_client_method());
    X509_free(x);
    EVP_PKEY_free(key);
}

static int make_loop(void **state)
{
    (void)state;
    loop_init(&loop);
    make_context();
    return 0;
}

static int free_loop(void **state)
{
    (void)state;
    loop_destroy(&loop);
    SSL_CTX_free(server_context);
    SSL_CTX_free(client_context);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    buffer_destroy(&owner.data);
    memset(&owner, 0, sizeof(owner));
    return 0;
}

static struct sockaddr_in loopback(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return address;
}

/* Two ends of one TCP connection: a reset needs real TCP. */
static void tcp_pair(int pair[2])
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(listener);

    assert_int_equal(listen(listener, 1), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[1], (struct sockaddr *)&address, sizeof(address)), 0);
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    close(listener);
}

static void accept_stream(SSL_CTX *context)
{
    int pair[2];

    tcp_pair(pair);
    peer = pair[1];
    stream_accept(&owner.stream, &loop, &events, pair[0], (struct tls_context *)context);
}

static void finish(void)
{
    stream_close(&owner.stream);
    stream_close(&owner.stream);
    assert_int_equal(owner.closed, 0);
    TURN_UNTIL(owner.closed);
    if (peer >= 0)
        close(peer);
    a_few_turns();
    assert_int_equal(owner.closed, 1);
}

static void reset_peer(void)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(peer);
    peer = -1;
}

static bool received(const char *text)
{
    return buffer_len(&owner.data) == strlen(text) &&
        memcmp(buffer_data(&owner.data), text, strlen(text)) == 0;
}

static void expect_from_peer(const char *text)
{
    char got[256];
    size_t len = 0;

    while (len < strlen(text)) {
        ssize_t n = -1;

        TURN_UNTIL((n = recv(peer, got + len, strlen(text) - len, MSG_DONTWAIT)) >= 0);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_memory_equal(got, text, len);
}

static void expect_fin(void)
{
    char byte;
    ssize_t n = -1;

    TURN_UNTIL((n = recv(peer, &byte, 1, MSG_DONTWAIT)) >= 0);
    assert_int_equal(n, 0);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    accept_stream(NULL);
    assert_int_equal(owner.opened, 0);
    assert_true(stream_write(&owner.stream, "be", 2));
    assert_true(stream_write(&owner.stream, "fore", 4));
    TURN_UNTIL(owner.opened);
    send(peer, "hello", 5, 0);
    TURN_UNTIL(received("hello"));
    expect_from_peer("before");
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(owner.ended);
    stream_write(&owner.stream, "after", 5);
    stream_end(&owner.stream);
    stream_write(&owner.stream, "too late", 8);
    a_few_turns();
    expect_from_peer("after");
    expect_fin();
    assert_int_equal(owner.ended, 1);
    assert_int_equal(owner.failed, 0);
    finish();
}

static void a_refused_connection_fails_from_the_loop(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in nobody = loopback(fd);
    struct sockaddr_un nowhere = {
        .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    const struct {
        const struct sockaddr *address;
        socklen_t len;
        int error;
    } cases[] = {
        {(struct sockaddr *)&nobody, sizeof(nobody), ECONNREFUSED},
        {(struct sockaddr *)&nowhere, sizeof(nowhere), ENOENT},
    };

    for (size_t i = 0; i < 2; i++) {
        forget(state);
        peer = -1;
        stream_connect(&owner.stream, &loop, &events, cases[i].address, cases[i].len);
        stream_write(&owner.stream, "GET", 3);
        assert_int_equal(owner.failed, 0);
        TURN_UNTIL(owner.failed);
        assert_int_equal(owner.reason, END_BACKEND_REFUSED);
        assert_int_equal(stream_error(&owner.stream), cases[i].error);
        finish();
    }
    close(fd);
}

static void a_connection_takes_bytes_before_it_is_open(void **state)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(listener);

    (void)state;
    listen(listener, 1);
    stream_connect(
        &owner.stream, &loop, &events, (struct sockaddr *)&address, sizeof(address));
    stream_write(&owner.stream, "GET", 3);
    stream_end(&owner.stream);
    TURN_UNTIL(owner.opened);
    peer = accept(listener, NULL, NULL);
    expect_from_peer("GET");
    expect_fin();
    finish();
    close(listener);
}

static void ask(struct stream *s)
{
    stream_write(s, "GET", 3);
}

static void what_is_on_this_machine_is_asked_without_waiting(void **state)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(listener);
    char got[4];

    (void)state;
    listen(listener, 1);
    owner.on_opened = ask;
    stream_connect(
        &owner.stream, &loop, &events, (struct sockaddr *)&address, sizeof(address));
    assert_int_equal(owner.opened, 0);
    turn();
    peer = accept(listener, NULL, NULL);
    assert_int_equal(recv(peer, got, sizeof(got), MSG_DONTWAIT), 3);
    finish();
    close(listener);
}

static void pause_stops_data_and_costs_nothing(void **state)
{
    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "later", 5, 0);
    a_few_turns();
    assert_int_equal(buffer_len(&owner.data), 0);
    assert_false(owner.stream.watch.wanted & EPOLLIN);
    stream_resume(&owner.stream);
    assert_int_equal(buffer_len(&owner.data), 0);
    TURN_UNTIL(received("later"));
    finish();
}

static void a_reset_is_noticed_while_paused(void **state)
{
    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "x", 1, 0);
    a_few_turns();
    recv(owner.stream.watch.fd, (char[1]){0}, 1, 0);
    reset_peer();
    TURN_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_CLIENT_RESET);
    a_few_turns();
    loop.events_seen = false;
    a_few_turns();
    assert_false(loop.events_seen);
    finish();
}

static void a_quiet_stream_has_nothing_to_tell(void **state)
{
    for (int paused = 0; paused < 2; paused++) {
        forget(state);
        accept_stream(NULL);
        TURN_UNTIL(owner.opened);
        a_few_turns();
        assert_true(stream_is_quiet(&owner.stream));
        if (paused) {
            stream_pause(&owner.stream);
            send(peer, "x", 1, 0);
            a_few_turns();
        } else {
            shutdown(peer, SHUT_WR);
            TURN_UNTIL(owner.ended);
        }
        assert_false(stream_is_quiet(&owner.stream));
        finish();
    }
}

static void expect_more(struct stream *s)
{
    assert_int_equal(stream_is_quiet(s), buffer_len(&owner.data) > LOOP_READ_SIZE);
}

static void what_one_read_did_not_take_may_be_told_yet(void **state)
{
    static char much[LOOP_READ_SIZE + 1];
    int waiting = 0;

    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    owner.on_data = expect_more;
    assert_int_equal(send(peer, much, sizeof(much), 0), sizeof(much));
    while (waiting < (int)sizeof(much))
        assert_int_equal(ioctl(owner.stream.watch.fd, FIONREAD, &waiting), 0);
    TURN_UNTIL(buffer_len(&owner.data) == sizeof(much));
    finish();
}

/* What it wrote was not delivered: it is good for nothing more. */
static void expect_unquiet(struct stream *s)
{
    assert_false(stream_is_quiet(s));
}

static void what_came_before_a_reset_is_read_first(void **state)
{
    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "413", 3, 0);
    a_few_turns();
    reset_peer();
    stream_write(&owner.stream, "body", 4);
    a_few_turns();
    assert_int_equal(owner.failed, 0);
    owner.on_data = expect_unquiet;
    stream_resume(&owner.stream);
    TURN_UNTIL(owner.failed);
    assert_true(received("413"));
    finish();
}

static void a_half_closed_peer_costs_nothing(void **state)
{
    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(owner.ended);
    stream_end(&owner.stream);
    a_few_turns();
    loop.events_seen = false;
    a_few_turns();
    assert_false(loop.events_seen);
    finish();
}

static void a_slow_reader_gets_all_and_memory_is_bounded(void **state)
{
    static char chunk[60000], got[60000];
    size_t sent = 0, taken = 0;

    (void)state;
    accept_stream(NULL);
    TURN_UNTIL(owner.opened);
    for (size_t i = 0; i < sizeof(chunk); i++)
        chunk[i] = (char)(i % 251);
    while (taken < LARGE) {
        while (sent < LARGE && !owner.stream.full) {
            stream_write(&owner.stream, chunk, sizeof(chunk));
            sent += sizeof(chunk);
        }
        turn();
        assert_true(owner.stream.out.capacity <= 256 * 1024);
        ssize_t n = recv(peer, got, sizeof(chunk) - taken % sizeof(chunk), MSG_DONTWAIT);
        if (n <= 0)
            continue;
        assert_memory_equal(got, chunk + taken % sizeof(chunk), (size_t)n);
        taken += (size_t)n;
    }
    assert_true(owner.drained > 0);
    assert_int_equal(stream_unsent(&owner.stream), 0);
    finish();
}

static void close_at_once(struct stream *s)
{
    stream_close(s);
}

static void any_callback_may_close(void **state)
{
    (void)state;
    accept_stream(NULL);
    owner.on_opened = close_at_once;
    TURN_UNTIL(owner.closed);
    assert_int_equal(owner.failed, 0);
    close(peer);

    forget(state);
    accept_stream(NULL);
    owner.on_data = close_at_once;
    send(peer, "x", 1, 0);
    TURN_UNTIL(owner.closed);
    close(peer);
    assert_true(received("x"));
}

/* ---- TLS: the peer is an OpenSSL client on its end's descriptor ---- */

static SSL *ssl;

static void begin_tls(int version)
{
    accept_stream(server_context);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    int flags = 1;
    assert_int_equal(
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &flags, sizeof(flags)), 0);
    ssl = SSL_new(client_context);
    SSL_set_min_proto_version(ssl, version);
    SSL_set_max_proto_version(ssl, version);
    SSL_set_fd(ssl, peer);
    SSL_set_connect_state(ssl);
    struct timeval brief = {.tv_usec = 1000};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
}

static void shake_hands(int version)
{
    begin_tls(version);
    TURN_UNTIL(SSL_do_handshake(ssl) == 1 && owner.opened);
}

static int read_from_ssl(char *bytes, int capacity)
{
    int n = -1;

    ERR_clear_error();
    TURN_UNTIL((n = SSL_read(ssl, bytes, capacity)) > 0 ||
        SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ);
    return n;
}

static void end_tls(void)
{
    SSL_free(ssl);
    ERR_clear_error();
    finish();
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* The last bytes of the handshake and a request in one read. */
static void shake_hands_and_ask(void)
{
    begin_tls(TLS1_3_VERSION);
    TURN_UNTIL(SSL_do_handshake(ssl) == 1);
    assert_int_equal(SSL_write(ssl, "ask", 3), 3);
    TURN_UNTIL(received("ask"));
}

static void a_ticket_travels_with_the_answer(void **state)
{
    char got[64];
    struct pollfd tells = {.events = POLLIN};

    forget(state);
    shake_hands_and_ask();
    tells.fd = peer;
    assert_int_equal(poll(&tells, 1, 0), 0);
    stream_write(&owner.stream, "told", 4);
    turn();
    assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
    assert_int_equal(SSL_SESSION_has_ticket(SSL_get_session(ssl)), 1);
    end_tls();

    forget(state); /* nor does it wait for an answer that is late */
    shake_hands_and_ask();
    tells.fd = peer;
    while (poll(&tells, 1, 1) == 0)
        turn();
    end_tls();
}

static void tls_is_hidden_and_ends_with_close_notify(void **state)
{
    char got[64];

    for (size_t v = 0; v < 2; v++) {
        forget(state);
        begin_tls(versions[v]);
        stream_write(&owner.stream, "early", 5);
        TURN_UNTIL(SSL_do_handshake(ssl) == 1 && owner.opened);
        SSL_write(ssl, "ping", 4);
        TURN_UNTIL(received("ping"));
        assert_int_equal(read_from_ssl(got, sizeof(got)), 5);
        SSL_shutdown(ssl);
        TURN_UNTIL(owner.ended);
        stream_write(&owner.stream, "pong", 4);
        stream_end(&owner.stream);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 0);
        assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
        assert_int_equal(owner.failed, 0);
        end_tls();
    }
}

static void a_cut_has_no_close_notify(void **state)
{
    char got[64];

    for (size_t v = 0; v < 2; v++) {
        forget(state);
        shake_hands(versions[v]);
        stream_write(&owner.stream, "half", 4);
        stream_cut(&owner.stream);
        assert_int_equal(read_from_ssl(got, sizeof(got)), 4);
        int n = read_from_ssl(got, sizeof(got));
        assert_true(n <= 0 && SSL_get_error(ssl, n) != SSL_ERROR_ZERO_RETURN);
        end_tls();
    }
}

static void fin_without_close_notify_is_a_client_gone(void **state)
{
    forget(state);
    shake_hands(TLS1_3_VERSION);
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_CLIENT_GONE);
    end_tls();
}

static void paused_tls_keeps_what_was_read(void **state)
{
    forget(state);
    shake_hands(TLS1_3_VERSION);
    owner.on_data = stream_pause;
    SSL_write(ssl, "a", 1);
    SSL_write(ssl, "b", 1);
    SSL_write(ssl, "c", 1);
    TURN_UNTIL(received("a"));
    a_few_turns();
    assert_true(received("a"));
    stream_resume(&owner.stream);
    TURN_UNTIL(received("ab"));
    owner.on_data = NULL;
    stream_resume(&owner.stream);
    TURN_UNTIL(received("abc"));
    end_tls();
}

/* So many bytes wait, in the socket or with us, and then comes the end. */
static void end_while_paused(int version, size_t len, bool with_us, bool goodbye)
{
    static const char bytes[60 * 1000];

    forget(NULL);
    shake_hands(version);
    a_few_turns();
    if (with_us)
        owner.on_data = stream_pause;
    else
        stream_pause(&owner.stream);
    if (with_us)
        assert_int_equal(SSL_write(ssl, "first", 5), 5);
    if (len > 0)
        assert_int_equal(SSL_write(ssl, bytes, (int)len), len);
    if (!goodbye)
        a_few_turns();
    if (goodbye)
        SSL_shutdown(ssl);
    shutdown(peer, SHUT_WR);
    a_few_turns();
    owner.on_data = NULL;
}

static void rests(void)
{
    loop.events_seen = false;
    a_few_turns();
    assert_false(loop.events_seen);
}

static void a_client_that_goes_without_goodbye_is_noticed_while_paused(void **state)
{
    static const size_t lens[] = {0, 1000, 2000, 60 * 1000};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof(lens) / sizeof(lens[0]); i++) {
        end_while_paused(versions[i % 2], lens[i / 4], i / 2 % 2 != 0, false);
        TURN_UNTIL(owner.failed);
        assert_int_equal(owner.reason, END_CLIENT_GONE);
        assert_int_equal(buffer_len(&owner.data), i / 2 % 2 != 0 ? 5 : 0);
        a_few_turns();
        rests();
        end_tls();
    }
}

static void a_goodbye_while_paused_is_heard_in_its_turn(void **state)
{
    static const size_t lens[] = {0, 1, 1000, 60 * 1000};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof(lens) / sizeof(lens[0]); i++) {
        bool with_us = i / 2 % 2 != 0;

        end_while_paused(versions[i % 2], lens[i / 4], with_us, true);
        rests();
        assert_int_equal(owner.failed, 0);
        stream_resume(&owner.stream);
        TURN_UNTIL(owner.ended);
        assert_int_equal(owner.failed, 0);
        assert_int_equal(buffer_len(&owner.data), lens[i / 4] + (with_us ? 5 : 0));
        end_tls();
    }
}

/* We have ended, too, and the kernel calls that a hang-up. */
static void both_may_end_while_paused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool goodbye = i / 2 != 0;

        forget(NULL);
        shake_hands(versions[i % 2]);
        a_few_turns();
        stream_pause(&owner.stream);
        stream_end(&owner.stream);
        TURN_UNTIL(owner.drained);
        assert_int_equal(SSL_write(ssl, "last", 4), 4);
        if (goodbye)
            SSL_shutdown(ssl);
        shutdown(peer, SHUT_WR);
        a_few_turns();
        rests();
        assert_int_equal(owner.failed, 0);
        stream_resume(&owner.stream);
        TURN_UNTIL(owner.ended);
        assert_true(received("last"));
        assert_int_equal(owner.failed, 0);
        end_tls();
    }
}

static size_t write_some(size_t left)
{
    static const char block[16 * 1024];
    int n = SSL_write(ssl, block, (int)(left < sizeof(block) ? left : sizeof(block)));

    return n > 0 ? (size_t)n : 0;
}

/* At least so much of what was sent is neither with the owner nor with the kernel: what
 * is on its way between its two ends meanwhile counts twice, never not at all. */
static long kept_inside(size_t sent)
{
    int unread = 0, unsent = 0;

    ioctl(peer, SIOCOUTQ, &unsent);
    ioctl(owner.stream.watch.fd, FIONREAD, &unread);
    return (long)sent - (long)buffer_len(&owner.data) - unread - unsent;
}

static void pause_and_answer(struct stream *s)
{
    static const char answer[STREAM_HIGH_WATER];

    stream_pause(s);
    stream_write(s, answer, sizeof(answer)); /* drained() resumes, between two reads */
}

/* What one read brought is used up before the next, however often there is a pause. */
static void pauses_do_not_pile_up_what_was_read(void **state)
{
    static char answers[64 * 1024];

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        size_t sent = 0, some;

        forget(state);
        shake_hands(versions[i]);
        fcntl(peer, F_SETFL, O_NONBLOCK);
        SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
        owner.on_data = pause_and_answer;
        owner.on_drained = stream_resume;
        for (int turns = 0; buffer_len(&owner.data) < LARGE; turns++) {
            while (sent < LARGE && (some = write_some(LARGE - sent)) > 0)
                sent += some;
            while (SSL_read(ssl, answers, sizeof(answers)) > 0)
                ;
            turn();
            assert_true(kept_inside(sent) < 2 * LOOP_READ_SIZE);
            assert_true(turns < TURNS_MAX);
        }
        end_tls();
    }
}

/* Each record while that before it keeps the engine waiting for company. */
static void send_records_apart(BIO *flight)
{
    unsigned char record[4096];

    while (BIO_read(flight, record, 5) == 5) {
        int len = record[3] << 8 | record[4];

        assert_int_equal(BIO_read(flight, record + 5, len), len);
        send(peer, record, 5 + (size_t)len, 0);
        for (int i = 0; i < 2; i++) {
            loop.events_seen = true;
            turn();
        }
    }
}

static void what_comes_while_keys_are_awaited_is_read(void **state)
{
    SSL_CTX *stock = server_context;
    BIO *flight = BIO_new(BIO_s_mem());
    struct error err;

    forget(state);
    assert_true(engine_start(ENGINE_AUTO, &err));
    if (!engine_is_batched()) {
        BIO_free(flight);
        skip();
    }
    server_context = SSL_CTX_new_ex(engine_libctx(), NULL, TLS_server_method());
    assert_int_equal(
        SSL_CTX_use_cert_and_key(server_context, SSL_CTX_get0_certificate(stock),
            SSL_CTX_get0_privatekey(stock), NULL, 1),
        1);
    engine_adopt(server_context);
    begin_tls(TLS1_2_VERSION);
    SSL_set0_wbio(ssl, flight);
    TURN_UNTIL((SSL_do_handshake(ssl), send_records_apart(flight), owner.opened > 0));
    end_tls();
    SSL_CTX_free(server_context);
    server_context = stock;
    engine_stop();
}

enum { CROWD = 40 };

static void ignore(struct stream *s)
{
    (void)s;
}

static void ignore_data(struct stream *s, const char *bytes, size_t len)
{
    (void)s, (void)bytes, (void)len;
}

static void ignore_failure(struct stream *s, enum end_reason reason, const char *detail)
{
    (void)s, (void)reason, (void)detail;
}

static const struct stream_events ignored = {
    ignore, ignore_data, ignore, ignore, ignore_failure, ignore};

/* Hellos of clients who then say no more, each of which costs much to answer. */
static void crowd_says_hello(struct stream crowd[CROWD], int peers[CROWD])
{
    SSL *client = SSL_new(client_context);
    BIO *hello = BIO_new(BIO_s_mem());
    char *bytes;
    int pair[2];

    SSL_set_bio(client, BIO_new(BIO_s_mem()), hello);
    SSL_set_connect_state(client);
    SSL_do_handshake(client);
    size_t len = (size_t)BIO_get_mem_data(hello, &bytes);
    for (size_t i = 0; i < CROWD; i++) {
        tcp_pair(pair);
        peers[i] = pair[1];
        stream_accept(
            &crowd[i], &loop, &ignored, pair[0], (struct tls_context *)server_context);
    }
    a_few_turns();
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(send(peers[i], bytes, len, 0), len);
    SSL_free(client);
}

static void who_was_answered_does_not_queue_behind_those_who_come(void **state)
{
    static struct stream crowd[CROWD];
    int peers[CROWD];
    struct pollfd answered = {.events = POLLIN};

    forget(state);
    begin_tls(TLS1_3_VERSION);
    answered.fd = peer;
    assert_int_equal(SSL_do_handshake(ssl), -1);
    TURN_UNTIL(poll(&answered, 1, 0) == 1);
    assert_int_equal(owner.opened, 0);
    crowd_says_hello(crowd, peers);
    assert_int_equal(SSL_do_handshake(ssl), 1); /* and is the last in the queue */
    turn();
    turn();
    assert_int_equal(owner.opened, 1);
    for (size_t i = 0; i < CROWD; i++) {
        stream_close(&crowd[i]);
        close(peers[i]);
    }
    end_tls();
}

/* TLS itself answers some of what it reads: that must not pile up without end. */
static void a_peer_that_leaves_too_much_unread_is_not_read_from(void **state)
{
    static char much[5 * STREAM_HIGH_WATER];
    char taken[4096];

    forget(state);
    shake_hands(TLS1_3_VERSION);
    while (stream_unsent(&owner.stream) < sizeof(much)) {
        stream_write(&owner.stream, much, sizeof(much));
        a_few_turns();
    }
    SSL_write(ssl, "ask", 3);
    TURN_UNTIL(a_few_turns_see_nothing()); /* the kernel takes what it can, in its time */
    assert_int_equal(buffer_len(&owner.data), 0);
    TURN_UNTIL(recv(peer, taken, sizeof(taken), MSG_DONTWAIT) < 0 && received("ask"));
    end_tls();
}

static void an_alert_reaches_a_peer_whose_bytes_we_never_read(void **state)
{
    static char more[5000];
    unsigned char alert[7];

    forget(state);
    owner.close_when_failed = true;
    accept_stream(server_context);
    send(peer, "\x16\x03\x01\x00\x05nonsense", 13, 0);
    TURN_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_HANDSHAKE_FAILED);
    send(peer, more, sizeof(more), 0);
    a_few_turns();
    assert_int_equal(owner.closed, 0);
    TURN_UNTIL(recv(peer, alert, 7, MSG_DONTWAIT | MSG_PEEK) == 7);
    assert_int_equal(alert[0], 21);
    assert_int_equal(recv(peer, alert, 7, 0), 7);
    expect_fin();
    close(peer);
    TURN_UNTIL(owner.closed);
}

static void plain_http_is_answered_in_the_clear(void **state)
{
    forget(state);
    accept_stream(server_context);
    send(peer, "GET / HTTP/1.1\r\n\r\n", 18, 0);
    TURN_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_PLAIN_HTTP);
    assert_false(stream_is_tls(&owner.stream));
    stream_write(&owner.stream, "HTTP/1.1 400 ", 13);
    stream_end(&owner.stream);
    a_few_turns();
    expect_from_peer("HTTP/1.1 400 ");
    expect_fin();
    send(peer, "more", 4, 0);
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(owner.ended);
    assert_int_equal(owner.opened, 0);
    finish();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(a_refused_connection_fails_from_the_loop),
        TEST(a_connection_takes_bytes_before_it_is_open),
        TEST(what_is_on_this_machine_is_asked_without_waiting),
        TEST(pause_stops_data_and_costs_nothing),
        TEST(a_reset_is_noticed_while_paused),
        TEST(a_quiet_stream_has_nothing_to_tell),
        TEST(what_one_read_did_not_take_may_be_told_yet),
        TEST(what_came_before_a_reset_is_read_first),
        TEST(a_half_closed_peer_costs_nothing),
        TEST(a_slow_reader_gets_all_and_memory_is_bounded),
        TEST(any_callback_may_close),
        TEST(tls_is_hidden_and_ends_with_close_notify),
        TEST(a_cut_has_no_close_notify),
        TEST(fin_without_close_notify_is_a_client_gone),
        TEST(a_client_that_goes_without_goodbye_is_noticed_while_paused),
        TEST(a_goodbye_while_paused_is_heard_in_its_turn),
        TEST(both_may_end_while_paused),
        TEST(a_ticket_travels_with_the_answer),
        TEST(paused_tls_keeps_what_was_read),
        TEST(pauses_do_not_pile_up_what_was_read),
        TEST(what_comes_while_keys_are_awaited_is_read),
        TEST(who_was_answered_does_not_queue_behind_those_who_come),
        TEST(a_peer_that_leaves_too_much_unread_is_not_read_from),
        TEST(an_alert_reaches_a_peer_whose_bytes_we_never_read),
        TEST(plain_http_is_answered_in_the_clear),
    };

    return cmocka_run_group_tests(tests, make_loop, free_loop);
}
