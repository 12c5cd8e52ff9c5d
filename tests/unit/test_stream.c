/* Streams in the clear: they open, carry bytes and end. */
#include "tests/unit/stream_rig.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/un.h>

static void bytes_go_both_ways(void **state)
{
    (void)state;
    accept_stream(NULL);
    assert_int_equal(owner.opened, 0);
    assert_true(stream_write(&owner.stream, "be", 2));
    assert_true(stream_write(&owner.stream, "fore", 4));
    ITERATE_UNTIL(owner.opened);
    send(peer, "hello", 5, 0);
    ITERATE_UNTIL(received("hello"));
    expect_from_peer("before");
    shutdown(peer, SHUT_WR);
    ITERATE_UNTIL(owner.fin);
    stream_write(&owner.stream, "after", 5);
    stream_end(&owner.stream);
    stream_write(&owner.stream, "too late", 8);
    a_few_iterations();
    expect_from_peer("after");
    expect_fin();
    assert_int_equal(owner.fin, 1);
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
        ITERATE_UNTIL(owner.failed);
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
    ITERATE_UNTIL(owner.opened);
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

static void a_local_backend_is_asked_without_waiting(void **state)
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
    iterate();
    peer = accept(listener, NULL, NULL);
    assert_int_equal(recv(peer, got, sizeof(got), MSG_DONTWAIT), 3);
    finish();
    close(listener);
}

static void time_is_up(struct deadline *d)
{
    assert_true(deadline_is_armed(d));
    d->due = 0;
    deadlines_expire(&loop.deadlines, loop_now(&loop));
}

/* A unix socket that listens, with an abstract name and a full backlog; and the
 * connections it accepts. */
static struct sockaddr_un with_full_backlog(int *listener, int *waiting, socklen_t *len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    *len = sizeof(sa_family_t);
    assert_int_equal(bind(*listener, (struct sockaddr *)&address, *len), 0);
    *len = sizeof(address);
    assert_int_equal(getsockname(*listener, (struct sockaddr *)&address, len), 0);
    listen(*listener, 0);
    *waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(*waiting, (struct sockaddr *)&address, *len), 0);
    return address;
}

static void a_full_backlog_is_asked_again(void **state)
{
    enum { TAKEN, GONE, CLOSED, CASES };

    for (int outcome = TAKEN; outcome < CASES; outcome++) {
        int listener, waiting;
        socklen_t len;
        struct sockaddr_un address = with_full_backlog(&listener, &waiting, &len);

        forget(state);
        stream_connect(&owner.stream, &loop, &events, (struct sockaddr *)&address, len);
        stream_write(&owner.stream, "GET", 3);
        for (int i = 0; i < 3; i++) {
            a_few_iterations();
            time_is_up(&owner.stream.retry_timer);
        }
        assert_int_equal(owner.opened + owner.failed, 0);
        if (outcome == TAKEN)
            close(accept(listener, NULL, NULL));
        if (outcome == GONE)
            close(listener);
        if (outcome != CLOSED) {
            time_is_up(&owner.stream.retry_timer);
            ITERATE_UNTIL(owner.opened || owner.failed);
        }
        assert_int_equal(owner.opened, outcome == TAKEN);
        assert_int_equal(owner.failed, outcome == GONE);
        peer = outcome == TAKEN ? accept(listener, NULL, NULL) : -1;
        if (outcome == TAKEN)
            expect_from_peer("GET");
        if (outcome == GONE)
            assert_int_equal(stream_error(&owner.stream), ECONNREFUSED);
        finish();
        close(waiting);
        if (outcome != GONE)
            close(listener);
    }
}

static void a_quiet_stream_has_nothing_to_tell(void **state)
{
    for (int paused = 0; paused < 2; paused++) {
        forget(state);
        accept_stream(NULL);
        ITERATE_UNTIL(owner.opened);
        a_few_iterations();
        assert_true(stream_is_quiet(&owner.stream));
        if (paused) {
            stream_pause(&owner.stream);
            send(peer, "x", 1, 0);
            a_few_iterations();
        } else {
            shutdown(peer, SHUT_WR);
            ITERATE_UNTIL(owner.fin);
        }
        assert_false(stream_is_quiet(&owner.stream));
        finish();
    }
}

static void expect_more(struct stream *s)
{
    assert_int_equal(stream_is_quiet(s), buffer_len(&owner.data) > LOOP_READ_SIZE);
}

static void bytes_that_one_read_left_may_still_be_reported(void **state)
{
    static char much[LOOP_READ_SIZE + 1];
    int waiting = 0, room = 2 * (int)sizeof(much);

    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    owner.on_data = expect_more;
    (void)setsockopt(owner.stream.poller.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    assert_int_equal(send(peer, much, sizeof(much), 0), sizeof(much));
    while (waiting < (int)sizeof(much))
        assert_int_equal(ioctl(owner.stream.poller.fd, FIONREAD, &waiting), 0);
    ITERATE_UNTIL(buffer_len(&owner.data) == sizeof(much));
    finish();
}

static void a_half_closed_peer_costs_nothing(void **state)
{
    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    shutdown(peer, SHUT_WR);
    ITERATE_UNTIL(owner.fin);
    stream_end(&owner.stream);
    a_few_iterations();
    loop.events_seen = false;
    a_few_iterations();
    assert_false(loop.events_seen);
    finish();
}

static void a_slow_reader_gets_all_and_memory_is_bounded(void **state)
{
    static char chunk[60000], got[60000];
    size_t sent = 0, taken = 0;

    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    for (size_t i = 0; i < sizeof(chunk); i++)
        chunk[i] = (char)(i % 251);
    while (taken < LARGE) {
        while (sent < LARGE && !owner.stream.full) {
            stream_write(&owner.stream, chunk, sizeof(chunk));
            sent += sizeof(chunk);
        }
        iterate();
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
    ITERATE_UNTIL(owner.closed);
    assert_int_equal(owner.failed, 0);
    close(peer);

    forget(state);
    accept_stream(NULL);
    owner.on_data = close_at_once;
    send(peer, "x", 1, 0);
    ITERATE_UNTIL(owner.closed);
    close(peer);
    assert_true(received("x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(a_refused_connection_fails_from_the_loop),
        TEST(a_connection_takes_bytes_before_it_is_open),
        TEST(a_local_backend_is_asked_without_waiting),
        TEST(a_full_backlog_is_asked_again),
        TEST(a_quiet_stream_has_nothing_to_tell),
        TEST(bytes_that_one_read_left_may_still_be_reported),
        TEST(a_half_closed_peer_costs_nothing),
        TEST(a_slow_reader_gets_all_and_memory_is_bounded),
        TEST(any_callback_may_close),
    };

    return cmocka_run_group_tests(tests, make_loop, free_loop);
}
