#include "proxy/net/stream_io.h"

#include <errno.h>
#include <string.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_wanted.h"
#include "proxy/tls/tls.h"

enum {
    GONE = EPOLLERR | EPOLLHUP,
    HELD_FOR = 20, /* ms */
};

/* ---- its end ---- */

static void fail(struct stream *s, enum end_reason reason, const char *detail)
{
    if (s->phase >= STREAM_FAILED)
        return;
    s->phase = STREAM_FAILED;
    handshake_stops_awaiting_peer(&s->loop->handshakes, &s->handshake);
    stream_touch(s);
    s->events->failed(s, reason, detail);
}

static void tell_end_known(struct stream *s)
{
    if (s->events->end_known != NULL && s->phase < STREAM_FAILED)
        s->events->end_known(s);
}

static enum end_reason reason_of(const struct stream *s)
{
    if (stream_is_connecting(s))
        return END_BACKEND_REFUSED;
    if (s->address != NULL)
        return END_BACKEND_GONE;
    return s->error == ECONNRESET || s->error == EPIPE ? END_CLIENT_RESET
                                                       : END_CLIENT_GONE;
}

void stream_detach(struct stream *s)
{
    if (s->phase == STREAM_CLOSED)
        return;
    s->phase = STREAM_CLOSED;
    s->read = STREAM_READ_BROKEN;
    deadline_disarm(&s->retry_timer);
    list_remove(&s->unflushed);
    list_remove(&s->told_later);
    handshake_over(&s->loop->handshakes, &s->handshake);
    buffer_destroy(&s->out);
    buffer_destroy(&s->early);
    poller_close(&s->loop->pollers, &s->poller);
}

void stream_broken(struct stream *s, int error)
{
    bool had_ended = s->read >= STREAM_READ_ENDED;

    s->error = s->error != 0 ? s->error : error;
    s->read = STREAM_READ_BROKEN;
    if (s->write < STREAM_WRITE_FIN_SENT)
        s->write = STREAM_WRITE_BROKEN;
    s->blocked = false;
    buffer_destroy(&s->out);
    (void)poller_for(&s->loop->pollers, &s->poller, 0);
    if (stream_is_closed(s))
        stream_detach(s);
    else if (s->phase != STREAM_FAILED)
        fail(s, reason_of(s), strerror(s->error));
    else if (!had_ended)
        s->events->fin(s); /* the owner may wait for the peer's end */
}

static void stop_writing(struct stream *s, int error)
{
    s->error = error;
    if (s->write < STREAM_WRITE_FIN_SENT)
        s->write = STREAM_WRITE_BROKEN;
    s->blocked = false;
    buffer_destroy(&s->out);
    stream_touch(s);
    tell_end_known(s);
}

static void fail_tls(struct stream *s, enum end_reason reason)
{
    bool in_handshake = s->phase == STREAM_HANDSHAKE && reason == END_TLS_ERROR;

    if (s->write < STREAM_WRITE_CUT)
        s->write = STREAM_WRITE_CUT;
    fail(s, in_handshake ? END_HANDSHAKE_FAILED : reason, tls_error(s->tls));
}

static void fail_plain_http(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
    buffer_destroy(&s->early); /* it was meant for a valid client */
    fail(s, END_PLAIN_HTTP, "plain HTTP on the TLS port");
}

void stream_close_notify(struct stream *s)
{
    const size_t before = buffer_len(&s->out);

    tls_end(s->tls);
    s->close_notify_len = (uint8_t)(buffer_len(&s->out) - before);
}

/* ---- receiving ---- */

static void tell_opened(struct stream *s)
{
    s->phase = STREAM_OPEN;
    handshake_completed(&s->loop->handshakes, &s->handshake);
    s->blocked = false;
    if (s->tls != NULL && buffer_len(&s->early) > 0)
        tls_write(s->tls, buffer_data(&s->early), buffer_len(&s->early));
    buffer_destroy(&s->early);
    if (s->tls != NULL && s->write == STREAM_WRITE_ENDING)
        stream_close_notify(s);
    stream_touch(s);
    s->events->opened(s);
}

/* Handles every result of tls_read() but plaintext; true: read on. */
static bool tls_event(struct stream *s, int event)
{
    switch (event) {
    case TLS_OPENED:
        tell_opened(s);
        return true;
    case TLS_END:
        s->read = STREAM_READ_CLOSE_NOTIFY;
        stream_touch(s);
        s->events->close_notify(s);
        return false;
    case TLS_NEED_KEYS:
        tls_keep(s->tls);
        handshake_awaits_keys(&s->loop->handshakes, &s->handshake);
        return false;
    case TLS_PLAIN_HTTP:
        fail_plain_http(s);
        return false;
    case TLS_FLOOD:
        fail_tls(s, END_TLS_FLOOD);
        return false;
    case TLS_FAILED:
        fail_tls(s, END_TLS_ERROR);
        return false;
    default: /* TLS_NEED_INPUT */
        return false;
    }
}

static void hold(struct stream *s)
{
    if (s->address != NULL || s->bytes_out > 0 || s->write != STREAM_WRITE_OPEN)
        return;
    s->write = STREAM_WRITE_HELD;
    loop_arm(s->loop, &s->retry_timer, HELD_FOR);
}

void stream_decrypt(struct stream *s)
{
    char *plain = s->loop->plain_buffer;
    bool was_open = s->phase == STREAM_OPEN,
         was_answered = was_open || tls_is_answered(s->tls);
    uint64_t before = s->bytes_in;
    int n;

    do {
        if (stream_discards(s))
            break;
        if (s->phase == STREAM_OPEN && s->paused) {
            tls_keep(s->tls);
            break;
        }
        n = tls_read(s->tls, plain, LOOP_READ_SIZE);
        if (n > 0) {
            s->bytes_in += (uint64_t)n;
            s->events->data(s, plain, (size_t)n);
        }
    } while (n > 0 || tls_event(s, n));
    if (!was_answered && s->tls != NULL && tls_is_answered(s->tls))
        handshake_answered(&s->loop->handshakes, &s->handshake);
    if (buffer_len(&s->out) == 0)
        return;
    /* A request came with the end of the handshake: the ticket travels with its
     * answer. */
    if (!was_open && s->phase == STREAM_OPEN && s->bytes_in > before)
        hold(s);
    stream_touch(s);
}

/* Connected. Of TLS it is the handshake's turn, in which the client speaks first. */
static void begin(struct stream *s)
{
    if (s->tls == NULL) {
        tell_opened(s);
        return;
    }
    s->phase = STREAM_HANDSHAKE;
    s->blocked = false;
    stream_decrypt(s);
    stream_touch(s);
}

static void received(struct stream *s, size_t len)
{
    if (stream_discards(s))
        return;
    if (s->tls != NULL) {
        tls_feed(s->tls, s->loop->read_buffer, len);
        stream_decrypt(s);
        return;
    }
    s->bytes_in += len;
    s->events->data(s, s->loop->read_buffer, len);
}

static void fin_received(struct stream *s)
{
    if (stream_is_closed(s)) {
        stream_detach(s);
        return;
    }
    /* The kernel reports a reset once, and then only the end of the data. EPIPE is its
     * error for a reset after a FIN: the FIN came in order. */
    if (s->error == 0 || s->error == EPIPE) {
        s->read = STREAM_READ_ENDED;
        stream_touch(s);
        s->events->fin(s);
    }
    if (s->error != 0 && !stream_is_closed(s))
        stream_broken(s, s->error);
}

void stream_read(struct stream *s)
{
    if (!stream_wants_read(s))
        return;
    ssize_t n = fault_recv(s->poller.fd, s->loop->read_buffer, LOOP_READ_SIZE);
    bool fin_waits =
        s->read == STREAM_READ_FIN_KNOWN || s->read == STREAM_READ_FIN_REPORTED;

    s->more = n > 0 && (s->urgent || !fault_took_all((size_t)n, LOOP_READ_SIZE));
    if (n == 0) {
        fin_received(s);
    } else if (n > 0) {
        received(s, (size_t)n);
        /* Only its FIN is left: reading it would only cost a system call. */
        if (!s->more && fin_waits && stream_wants_read(s))
            fin_received(s);
    } else if (errno != EAGAIN && errno != EINTR) {
        stream_broken(s, errno);
    }
}

void stream_tell(struct stream *s)
{
    if (stream_is_closed(s))
        return;
    if (s->problem != NULL && s->read == STREAM_READ_BROKEN)
        fail(s, reason_of(s), s->problem);
    else if (s->problem != NULL)
        fail_tls(s, END_TLS_ERROR);
    else if (s->phase == STREAM_HANDSHAKE)
        begin(s);
    else if (s->tls != NULL) {
        stream_decrypt(s);
        stream_touch(s); /* to be read from again */
    }
}

/* ---- sending ---- */

static void watch(struct stream *s, uint32_t events)
{
    int error = poller_for(&s->loop->pollers, &s->poller, events);

    if (error != 0)
        stream_broken(s, error);
}

static void watch_for_wanted(struct stream *s)
{
    uint32_t wanted = stream_wanted_events(s), known = s->poller.wanted;

    /* Waiting for fewer events costs a system call. It is made only when an unwanted
     * event came. */
    if (wanted == 0 || known == 0 || (wanted != POLL_ERROR && (wanted & ~known) != 0))
        watch(s, wanted);
}

static void send_failed(struct stream *s, int error)
{
    bool by_peer = error == EPIPE || error == ECONNRESET;

    if (s->phase != STREAM_OPEN || s->read >= STREAM_READ_ENDED || !by_peer)
        stream_broken(s, error);
    else
        stop_writing(s, error);
}

static void send_out(struct stream *s)
{
    size_t len = buffer_len(&s->out);
    /* The FIN that follows at once travels in the last segment. */
    int flags = s->write == STREAM_WRITE_OPEN ? 0 : MSG_MORE;
    ssize_t n = fault_send(s->poller.fd, buffer_data(&s->out), len, flags);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        send_failed(s, errno);
        return;
    }
    if (n > 0)
        buffer_consume(&s->out, (size_t)n);
    s->blocked = buffer_len(&s->out) > 0;
    if (n > 0 && stream_is_connecting(s))
        begin(s); /* sooner than the loop would have */
}

static void send_fin(struct stream *s)
{
    bool cut = s->write == STREAM_WRITE_CUT;

    if ((s->write != STREAM_WRITE_ENDING && !cut) || stream_is_connecting(s) ||
        buffer_len(&s->out) > 0 || (s->tls != NULL && s->phase < STREAM_OPEN && !cut))
        return;
    s->write = cut ? STREAM_WRITE_CUT_SENT : STREAM_WRITE_FIN_SENT;
    shutdown(s->poller.fd, SHUT_WR);
    s->full = true; /* so that the owner is told */
}

size_t stream_unsent(const struct stream *s)
{
    return buffer_len(&s->out) + buffer_len(&s->early);
}

void stream_flush(struct stream *s)
{
    if (buffer_len(&s->out) > 0 && s->write != STREAM_WRITE_HELD && !s->blocked &&
        s->error == 0)
        send_out(s);
    if (s->phase == STREAM_CLOSED)
        return;
    if (s->error != 0)
        buffer_clear(&s->out); /* bytes that TLS sends by itself */
    send_fin(s);
    watch_for_wanted(s);
    if (s->resting && buffer_len(&s->out) == 0) {
        s->resting = false;
        buffer_shrink(&s->out, 0);
    }
    if (s->full && !stream_is_closed(s) && s->error == 0 &&
        stream_unsent(s) <= STREAM_HIGH_WATER / 2) {
        s->full = false;
        s->events->drained(s);
    }
}

/* ---- events of the socket ---- */

static int take_socket_error(const struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->poller.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

static void connected(struct stream *s)
{
    int error = take_socket_error(s);

    if (error != 0)
        stream_broken(s, error);
    else
        begin(s);
}

static bool has_untold_bytes(const struct stream *s)
{
    char byte;

    return (s->tls != NULL && tls_has_input(s->tls)) ||
        recv(s->poller.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Bytes that the peer sent before are still valid, and are delivered when there is
 * room. */
static void error_while_not_reading(struct stream *s)
{
    int error = take_socket_error(s);

    if (error == 0)
        return; /* both sides have ended */
    if (s->phase != STREAM_OPEN || !has_untold_bytes(s))
        stream_broken(s, error);
    else
        stop_writing(s, error);
}

static void read_or_queue(struct stream *s)
{
    if (s->phase == STREAM_OPEN)
        handshake_scheduler_served(&s->loop->handshakes);
    if (s->tls != NULL && s->phase == STREAM_HANDSHAKE)
        stream_queue_handshake(s);
    else
        stream_read(s);
}

static void on_happened(struct poller *p, uint32_t events)
{
    struct stream *s = container_of(p, struct stream, poller);
    uint32_t unwanted = events & (POLL_READ | POLL_WRITE);

    s->loop->events_seen = true;
    if (stream_is_connecting(s)) {
        connected(s);
        return;
    }
    if (s->blocked && (events & (POLL_WRITE | GONE)) != 0) {
        s->blocked = false;
        unwanted &= ~(uint32_t)POLL_WRITE; /* it may be reported again, and more may
                                            * wait */
        stream_touch(s);
    }
    s->urgent |= (events & EPOLLPRI) != 0;
    if (s->read == STREAM_READ_OPEN && (events & (EPOLLRDHUP | EPOLLERR)) == EPOLLRDHUP)
        s->read = STREAM_READ_FIN_KNOWN;
    if (stream_wants_read(s) && (events & (POLL_READ | GONE)) != 0) {
        unwanted &= ~(uint32_t)POLL_READ; /* the owner paused it, perhaps not for long */
        read_or_queue(s);
    } else {
        if ((events & GONE) != 0)
            error_while_not_reading(s);
        if (s->read == STREAM_READ_FIN_KNOWN && stream_awaits_fin(s)) {
            s->read = STREAM_READ_FIN_REPORTED;
            tell_end_known(s);
        }
    }
    if (s->phase != STREAM_CLOSED && (unwanted & ~stream_wanted_events(s)) != 0)
        watch(s, stream_wanted_events(s));
}

static void on_closed(struct poller *p)
{
    struct stream *s = container_of(p, struct stream, poller);

    tls_free(s->tls);
    s->tls = NULL;
    buffer_destroy(&s->out); /* tls_free() may have written to it */
    s->events->closed(s);
}

void stream_attach(struct stream *s, int fd)
{
    s->poller.happened = on_happened;
    s->poller.closed = on_closed;
    poller_open(&s->loop->pollers, &s->poller, fd);
    if (fd >= 0)
        stream_touch(s);
}
