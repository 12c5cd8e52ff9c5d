/* A paused stream: it delivers nothing, keeps little, and still notices the peer's
 * end. */
#include "tests/unit/stream_tls_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

static void pause_stops_data_and_costs_nothing(void **state)
{
    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "later", 5, 0);
    a_few_iterations();
    assert_int_equal(buffer_len(&owner.data), 0);
    assert_false(owner.stream.poller.wanted & EPOLLIN);
    stream_resume(&owner.stream);
    assert_int_equal(buffer_len(&owner.data), 0);
    ITERATE_UNTIL(received("later"));
    finish();
}

static void reset_peer(void)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(peer);
    peer = -1;
}

static void a_reset_is_noticed_while_paused(void **state)
{
    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "x", 1, 0);
    a_few_iterations();
    recv(owner.stream.poller.fd, (char[1]){0}, 1, 0);
    reset_peer();
    ITERATE_UNTIL(owner.failed);
    assert_int_equal(owner.reason, END_CLIENT_RESET);
    a_few_iterations();
    loop.events_seen = false;
    a_few_iterations();
    assert_false(loop.events_seen);
    finish();
}

/* Its bytes were not delivered: it cannot be used again. */
static void expect_unquiet(struct stream *s)
{
    assert_false(stream_is_quiet(s));
}

static void bytes_before_a_reset_are_read_first(void **state)
{
    (void)state;
    accept_stream(NULL);
    ITERATE_UNTIL(owner.opened);
    stream_pause(&owner.stream);
    send(peer, "413", 3, 0);
    a_few_iterations();
    reset_peer();
    stream_write(&owner.stream, "body", 4);
    a_few_iterations();
    assert_int_equal(owner.failed, 0);
    owner.on_data = expect_unquiet;
    stream_resume(&owner.stream);
    ITERATE_UNTIL(owner.failed);
    assert_true(received("413"));
    finish();
}

static void paused_tls_keeps_what_was_read(void **state)
{
    forget(state);
    shake_hands(TLS1_3_VERSION);
    owner.on_data = stream_pause;
    SSL_write(ssl, "a", 1);
    SSL_write(ssl, "b", 1);
    SSL_write(ssl, "c", 1);
    ITERATE_UNTIL(received("a"));
    a_few_iterations();
    assert_true(received("a"));
    stream_resume(&owner.stream);
    ITERATE_UNTIL(received("ab"));
    owner.on_data = NULL;
    stream_resume(&owner.stream);
    ITERATE_UNTIL(received("abc"));
    end_tls();
}

/* With TLS, too, all bytes before a reset are delivered first, however the reset was
 * noticed. */
static void bytes_before_a_reset_are_delivered_first(void **state)
{
    static const char bytes[40 * 1000];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        bool with_us = (i & 2) != 0, by_writing = (i & 4) != 0;

        forget(NULL);
        shake_hands(versions[i % 2]);
        a_few_iterations();
        if (with_us)
            owner.on_data = stream_pause;
        else
            stream_pause(&owner.stream);
        assert_int_equal(SSL_write(ssl, bytes, sizeof(bytes)), sizeof(bytes));
        a_few_iterations();
        owner.on_data = NULL;
        if (by_writing) {
            stream_write(&owner.stream, "x", 1);
            stream_write(&owner.stream, "x", 1);
        }
        reset_peer();
        ITERATE_UNTIL(owner.end_known);
        assert_int_equal(stream_error(&owner.stream), ECONNRESET);
        a_few_iterations();
        loop.events_seen = false;
        a_few_iterations();
        assert_false(loop.events_seen);
        assert_int_equal(owner.failed, 0);
        stream_resume(&owner.stream);
        ITERATE_UNTIL(owner.failed);
        assert_int_equal(owner.reason, END_CLIENT_RESET);
        assert_int_equal(buffer_len(&owner.data), sizeof(bytes));
        assert_int_equal(owner.fin + owner.close_notified, 0);
        end_tls();
    }
}

/* So many bytes wait, in the socket or with us, before the end. */
static void end_while_paused(int version, size_t len, bool with_us, bool close_notify)
{
    static const char bytes[60 * 1000];

    forget(NULL);
    shake_hands(version);
    a_few_iterations();
    if (with_us)
        owner.on_data = stream_pause;
    else
        stream_pause(&owner.stream);
    if (with_us)
        assert_int_equal(SSL_write(ssl, "first", 5), 5);
    if (len > 0)
        assert_int_equal(SSL_write(ssl, bytes, (int)len), len);
    if (!close_notify)
        a_few_iterations();
    if (close_notify)
        SSL_shutdown(ssl);
    shutdown(peer, SHUT_WR);
    a_few_iterations();
    owner.on_data = NULL;
}

static void rests(void)
{
    loop.events_seen = false;
    a_few_iterations();
    assert_false(loop.events_seen);
}

static void a_client_that_goes_without_close_notify_is_noticed_while_paused(void **state)
{
    static const size_t lens[] = {0, 1000, 2000, 60 * 1000};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof(lens) / sizeof(lens[0]); i++) {
        size_t told = i / 2 % 2 != 0 ? 5 : 0;

        end_while_paused(versions[i % 2], lens[i / 4], told > 0, false);
        ITERATE_UNTIL(owner.end_known);
        assert_true(stream_fin_is_bare(&owner.stream));
        assert_int_equal(buffer_len(&owner.data), told);
        rests();
        assert_int_equal(owner.fin, 0);
        stream_resume(&owner.stream);
        ITERATE_UNTIL(owner.fin);
        assert_int_equal(buffer_len(&owner.data), told + lens[i / 4]);
        assert_int_equal(owner.close_notified + owner.failed, 0);
        assert_int_equal(owner.end_known, 1);
        end_tls();
    }
}

static void a_close_notify_while_paused_is_reported_in_order(void **state)
{
    static const size_t lens[] = {0, 1, 1000, 60 * 1000};

    (void)state;
    for (size_t i = 0; i < 4 * sizeof(lens) / sizeof(lens[0]); i++) {
        bool with_us = i / 2 % 2 != 0;

        end_while_paused(versions[i % 2], lens[i / 4], with_us, true);
        rests();
        assert_int_equal(owner.failed, 0);
        assert_false(stream_fin_is_bare(&owner.stream));
        stream_resume(&owner.stream);
        ITERATE_UNTIL(owner.fin);
        assert_int_equal(owner.close_notified, 1);
        assert_int_equal(owner.failed, 0);
        assert_int_equal(buffer_len(&owner.data), lens[i / 4] + (with_us ? 5 : 0));
        end_tls();
    }
}

/* We have ended, too, and the kernel reports a hang-up. */
static void both_may_end_while_paused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool close_notify = i / 2 != 0;

        forget(NULL);
        shake_hands(versions[i % 2]);
        a_few_iterations();
        stream_pause(&owner.stream);
        stream_end(&owner.stream);
        ITERATE_UNTIL(owner.drained);
        assert_int_equal(SSL_write(ssl, "last", 4), 4);
        if (close_notify)
            SSL_shutdown(ssl);
        shutdown(peer, SHUT_WR);
        a_few_iterations();
        rests();
        assert_int_equal(owner.failed, 0);
        stream_resume(&owner.stream);
        ITERATE_UNTIL(owner.fin);
        assert_int_equal(owner.close_notified, close_notify);
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

/* At least so many of the bytes sent are neither with the owner nor in the kernel. Bytes
 * that move between the two meanwhile count twice, never not at all. */
static long kept_inside(size_t sent)
{
    int unread = 0, unsent = 0;

    ioctl(peer, SIOCOUTQ, &unsent);
    ioctl(owner.stream.poller.fd, FIONREAD, &unread);
    return (long)sent - (long)buffer_len(&owner.data) - unread - unsent;
}

static void pause_and_answer(struct stream *s)
{
    static const char answer[STREAM_HIGH_WATER];

    stream_pause(s);
    stream_write(s, answer, sizeof(answer)); /* drained() resumes between two reads */
}

/* The bytes of one read are consumed before the next, however often there is a pause. */
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
        for (int iterations = 0; buffer_len(&owner.data) < LARGE; iterations++) {
            while (sent < LARGE && (some = write_some(LARGE - sent)) > 0)
                sent += some;
            while (SSL_read(ssl, answers, sizeof(answers)) > 0)
                ;
            iterate();
            assert_true(kept_inside(sent) < 2 * LOOP_READ_SIZE);
            assert_true(iterations < ITERATIONS_MAX);
        }
        end_tls();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pause_stops_data_and_costs_nothing),
        TEST(a_reset_is_noticed_while_paused),
        TEST(bytes_before_a_reset_are_read_first),
        TEST(bytes_before_a_reset_are_delivered_first),
        TEST(a_client_that_goes_without_close_notify_is_noticed_while_paused),
        TEST(a_close_notify_while_paused_is_reported_in_order),
        TEST(both_may_end_while_paused),
        TEST(paused_tls_keeps_what_was_read),
        TEST(pauses_do_not_pile_up_what_was_read),
    };

    return cmocka_run_group_tests(tests, make_loop, free_loop);
}
