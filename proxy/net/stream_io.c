#include "proxy/net/stream_io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/tls.h"

static void on_poll(uv_poll_t *poll, int status, int events);

void stream_touch(struct stream *s)
{
    if (s->detached || !list_empty(&s->unflushed))
        return;
    list_append(&s->loop->unflushed, &s->unflushed);
    loop_again(s->loop);
}

void stream_queue(struct stream *s, struct list *list)
{
    if (!list_empty(&s->queued))
        return;
    list_append(list, &s->queued);
    loop_again(s->loop);
}

/* ---- what it waits for: derived from its state, here only ---- */

static bool discards(const struct stream *s)
{
    return s->failed || s->closed || s->peer_ended;
}

static bool wants_read(const struct stream *s)
{
    if (s->connecting || s->dead || s->fin_seen)
        return false;
    if (s->tls != NULL && tls_awaits_keys(s->tls))
        return false;
    if (discards(s) || !s->open)
        return true;
    /* What a pause left over is used up first, or it would grow with each pause. */
    return !s->paused && (s->tls == NULL || !tls_has_input(s->tls));
}

static int wanted_events(const struct stream *s)
{
    int events = 0;

    if (s->dead || s->detached)
        return 0;
    if (wants_read(s))
        events |= UV_READABLE;
    if (s->connecting || s->blocked)
        events |= UV_WRITABLE;
    if (events == 0 && !s->urgent)
        events = UV_PRIORITIZED; /* epoll tells of errors, too, as long as it is asked */
    return events;
}

static void watch(struct stream *s, int events)
{
    if (s->watched == events)
        return;
    s->watched = events;
    if (events == 0)
        uv_poll_stop(&s->poll);
    else
        uv_poll_start(&s->poll, events, on_poll);
}

/* Not watching costs two system calls: only done when an event came that nobody wanted.
 */
static void watch_at_least(struct stream *s)
{
    int wanted = wanted_events(s);

    if ((wanted & ~s->watched) != 0 || wanted == 0)
        watch(s, wanted);
}

void stream_attach(struct stream *s, int fd)
{
    int error = uv_poll_init(&s->loop->uv, &s->poll, fd);

    if (error == 0) {
        s->fd = fd;
        stream_touch(s);
        return;
    }
    close(fd);
    s->error = -error;
    s->dead = true;
    s->problem = strerror(s->error);
    stream_queue(s, &s->loop->ready);
}

/* ---- how it ends ---- */

static void fail(struct stream *s, enum end_reason reason, const char *detail)
{
    if (s->failed || s->closed)
        return;
    s->failed = true;
    stream_touch(s);
    s->events->failed(s, reason, detail);
}

static void end_of_data(struct stream *s)
{
    if (s->peer_ended || s->closed)
        return;
    s->peer_ended = true;
    stream_touch(s);
    s->events->ended(s);
}

static enum end_reason reason_of(const struct stream *s, bool was_connecting)
{
    if (was_connecting)
        return END_BACKEND_REFUSED;
    if (!s->accepted)
        return END_BACKEND_GONE;
    return s->error == ECONNRESET || s->error == EPIPE ? END_CLIENT_RESET
                                                       : END_CLIENT_GONE;
}

/* The socket is of no more use. */
static void broken(struct stream *s, int error)
{
    bool was_connecting = s->connecting;

    s->error = s->error != 0 ? s->error : error;
    s->dead = true;
    s->connecting = s->blocked = false;
    buffer_destroy(&s->out);
    watch(s, 0);
    if (s->closed)
        stream_detach(s);
    else if (s->failed)
        end_of_data(s);
    else
        fail(s, reason_of(s, was_connecting), strerror(s->error));
}

static void tls_over(struct stream *s, enum end_reason reason)
{
    bool in_handshake = !s->open && reason == END_TLS_ERROR;

    s->ending = s->cut = s->last_words = true;
    fail(s, in_handshake ? END_HANDSHAKE_FAILED : reason, tls_error(s->tls));
}

static void plain_http(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
    s->open = s->last_words = true;
    buffer_destroy(&s->early); /* was meant for a client of ours */
    fail(s, END_PLAIN_HTTP, "plain HTTP on the TLS port");
}

/* ---- from the socket ---- */

static void opened(struct stream *s)
{
    s->open = true;
    s->connecting = s->blocked = false;
    if (s->tls != NULL && buffer_len(&s->early) > 0)
        tls_write(s->tls, buffer_data(&s->early), buffer_len(&s->early));
    buffer_destroy(&s->early);
    if (s->tls != NULL && s->ending && !s->cut)
        tls_end(s->tls);
    stream_touch(s);
    s->events->opened(s);
}

/* Everything tls_read() can say but plaintext; true: read on. */
static bool tls_event(struct stream *s, int event)
{
    switch (event) {
    case TLS_OPENED:
        opened(s);
        return true;
    case TLS_END:
        end_of_data(s);
        return false;
    case TLS_NEED_KEYS:
        tls_keep(s->tls);
        stream_queue(s, &s->loop->awaiting_keys);
        return false;
    case TLS_PLAIN_HTTP:
        plain_http(s);
        return false;
    case TLS_FLOOD:
        tls_over(s, END_TLS_FLOOD);
        return false;
    case TLS_FAILED:
        tls_over(s, END_TLS_ERROR);
        return false;
    default: /* TLS_NEED_INPUT */
        return false;
    }
}

void stream_decrypt(struct stream *s)
{
    char *plain = s->loop->plain_buffer;
    int n;

    s->loop->keys_used |= !s->open;
    do {
        if (discards(s))
            break;
        if (s->open && s->paused) {
            tls_keep(s->tls);
            break;
        }
        n = tls_read(s->tls, plain, LOOP_READ_SIZE);
        if (n > 0) {
            s->bytes_in += (uint64_t)n;
            s->events->data(s, plain, (size_t)n);
        }
    } while (n > 0 || tls_event(s, n));
    if (buffer_len(&s->out) > 0)
        stream_touch(s);
}

static void received(struct stream *s, size_t len)
{
    char *bytes = s->loop->read_buffer;

    if (discards(s))
        return;
    if (s->tls != NULL) {
        tls_feed(s->tls, bytes, len);
        stream_decrypt(s);
        return;
    }
    s->bytes_in += len;
    s->events->data(s, bytes, len);
}

static void fin_received(struct stream *s)
{
    s->fin_seen = true;
    stream_touch(s);
    if (s->unwritable)
        broken(s, s->error);
    else if (s->closed)
        stream_detach(s);
    else if (s->tls != NULL && !s->peer_ended && !s->ending && !s->failed)
        fail(s, END_CLIENT_GONE,
            s->open ? "closed without close_notify" : "closed during the handshake");
    else
        end_of_data(s);
}

void stream_read(struct stream *s)
{
    if (!wants_read(s))
        return;
    ssize_t n = fault_recv(s->fd, s->loop->read_buffer, LOOP_READ_SIZE);
    if (n > 0)
        received(s, (size_t)n);
    else if (n == 0)
        fin_received(s);
    else if (errno != EAGAIN && errno != EINTR)
        broken(s, errno);
}

static int take_socket_error(const struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

static void connected(struct stream *s)
{
    int error = take_socket_error(s);

    if (error != 0)
        broken(s, error);
    else
        opened(s);
}

/* An error while nobody reads: a client is gone, whatever it sent before; what a backend
 * sent before is still good and will be read when there is room. */
static void error_while_paused(struct stream *s)
{
    char byte;
    int error = s->tls != NULL ? take_socket_error(s) : 0;

    if (error == 0 && recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
        error = errno;
    if (error != 0 && error != EAGAIN)
        broken(s, error);
    else
        s->urgent = true; /* nothing new to be told until it is read */
}

static void read_or_queue(struct stream *s)
{
    /* Handshakes cost much: how many go on in one turn is bounded. */
    if (s->tls != NULL && !s->open && !discards(s))
        stream_queue(s, &s->loop->handshakes);
    else
        stream_read(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct stream *s = container_of(poll, struct stream, poll);
    int unwanted = events;

    s->loop->events_seen = true;
    if (status < 0) {
        s->watched = 0; /* libuv has stopped it */
        stream_touch(s);
    }
    if (s->connecting) {
        connected(s);
        return;
    }
    if (s->blocked && (status < 0 || (events & UV_WRITABLE))) {
        s->blocked = false;
        unwanted &= ~UV_WRITABLE; /* unless it comes again: more may have to wait */
        stream_touch(s);
    }
    if (events & UV_PRIORITIZED)
        s->urgent = true;
    if (wants_read(s) && (status < 0 || (events & UV_READABLE))) {
        unwanted &= ~UV_READABLE; /* paused by what it brought: perhaps not for long */
        read_or_queue(s);
    } else if (status < 0)
        error_while_paused(s);
    if ((unwanted & ~wanted_events(s)) != 0 && !s->detached)
        watch(s, wanted_events(s));
}

/* ---- to the socket ---- */

/* What a backend said before it reset us may be an answer: it is read first. */
static void send_failed(struct stream *s, int error)
{
    s->error = error;
    s->unwritable = true;
    s->blocked = false;
    buffer_destroy(&s->out);
    if (s->tls != NULL || s->connecting || s->fin_seen)
        broken(s, error);
}

static void send_out(struct stream *s)
{
    size_t len = buffer_len(&s->out);
    /* The FIN that follows at once travels in the last segment. */
    ssize_t n = fault_send(s->fd, buffer_data(&s->out), len, s->ending ? MSG_MORE : 0);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        send_failed(s, errno);
        return;
    }
    if (n > 0)
        buffer_consume(&s->out, (size_t)n);
    if (n > 0 && s->connecting)
        opened(s); /* sooner than the loop would have told us */
    s->blocked = buffer_len(&s->out) > 0;
}

static bool may_send(const struct stream *s)
{
    return buffer_len(&s->out) > 0 && !s->blocked && !s->dead && !s->unwritable;
}

static void send_fin(struct stream *s)
{
    if (!s->ending || s->fin_sent || s->dead || s->unwritable || s->connecting ||
        buffer_len(&s->out) > 0 || (s->tls != NULL && !s->open && !s->cut))
        return;
    s->fin_sent = true;
    shutdown(s->fd, SHUT_WR);
    s->full = true; /* so that the owner hears of it */
}

void stream_flush(struct stream *s)
{
    if (may_send(s))
        send_out(s);
    if (s->detached)
        return;
    send_fin(s);
    watch_at_least(s);
    if (s->resting && buffer_len(&s->out) == 0) {
        s->resting = false;
        buffer_shrink(&s->out, 0);
    }
    if (s->full && !s->closed && stream_unsent(s) <= STREAM_HIGH_WATER / 2 && !s->dead &&
        !s->unwritable) {
        s->full = false;
        s->events->drained(s);
    }
}

void stream_tell(struct stream *s)
{
    if (s->closed)
        return;
    if (s->problem != NULL && s->dead)
        fail(s, reason_of(s, s->connecting), s->problem);
    else if (s->problem != NULL)
        tls_over(s, END_TLS_ERROR);
    else if (!s->open)
        opened(s);
    else if (s->tls != NULL) {
        stream_decrypt(s);
        stream_touch(s); /* to be read from again */
    }
}

/* ---- out of the loop ---- */

void stream_finish(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
    buffer_destroy(&s->out);
    s->events->closed(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct stream *s = container_of(handle, struct stream, poll);

    stream_finish(s);
}

void stream_detach(struct stream *s)
{
    if (s->detached)
        return;
    s->detached = s->dead = true;
    deadline_disarm(&s->linger);
    list_remove(&s->unflushed);
    buffer_destroy(&s->out);
    buffer_destroy(&s->early);
    list_remove(&s->queued);
    if (s->fd >= 0) {
        uv_close((uv_handle_t *)&s->poll, on_handle_closed);
        close(s->fd); /* uv_close() took it out of epoll */
        return;
    }
    /* Never had a socket. closed() must not come from inside this call. */
    stream_queue(s, &s->loop->ready);
}
