#include "proxy/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/socket_options.h"
#include "proxy/net/stream_io.h"
#include "proxy/net/stream_wanted.h"
#include "proxy/tls/tls.h"

enum {
    FINAL_ALERT_LINGER = 1000, /* ms */
    AGAIN_AFTER = 20, /* ms, until a full backlog is asked again */
};

/* On the same machine connect() has a result by the time it returns; a second call tells
 * it. */
static bool is_under_way(int fd, const struct sockaddr *address, socklen_t len)
{
    return connect(fd, address, len) != 0 &&
        (errno != EINPROGRESS || connect(fd, address, len) != 0);
}

/* Only a unix socket reports it: for a full TCP backlog the kernel retries. */
static bool is_backlog_full(const struct stream *s, int error)
{
    return error == EAGAIN && s->address->sa_family == AF_UNIX;
}

static bool may_still_connect(const struct stream *s, int error)
{
    return error == EINPROGRESS || error == EALREADY || error == EINTR ||
        is_backlog_full(s, error);
}

/* False: it cannot succeed, see s->error. */
static bool try(struct stream *s, int fd)
{
    bool under_way = is_under_way(fd, s->address, s->address_len);

    if (under_way && !may_still_connect(s, errno)) {
        s->error = errno;
        return false;
    }
    if (!under_way)
        s->phase = STREAM_HANDSHAKE;
    else
        s->phase = is_backlog_full(s, errno) ? STREAM_BACKLOG_FULL : STREAM_CONNECTING;
    s->blocked = s->phase == STREAM_BACKLOG_FULL;
    if (s->blocked)
        loop_arm(s->loop, &s->retry_timer, AGAIN_AFTER);
    return true;
}

static void connect_again(struct stream *s)
{
    if (!try(s, s->poller.fd))
        stream_broken(s, s->error);
    else if (!stream_is_connecting(s))
        stream_tell_later(s);
    else
        stream_touch(s);
}

/* Sends what is held back. */
static void release(struct stream *s)
{
    if (s->write == STREAM_WRITE_HELD)
        s->write = STREAM_WRITE_OPEN;
}

static void on_retry_due(struct deadline *retry_timer)
{
    struct stream *s = container_of(retry_timer, struct stream, retry_timer);

    if (stream_is_closed(s)) {
        stream_detach(s);
    } else if (s->phase == STREAM_BACKLOG_FULL) {
        connect_again(s);
    } else {
        release(s);
        stream_touch(s);
    }
}

static void prepare(
    struct stream *s, struct loop *loop, const struct stream_events *events)
{
    *s = (struct stream){.events = events, .loop = loop};
    list_init(&s->unflushed);
    list_init(&s->told_later);
    deadline_init(&s->retry_timer, on_retry_due);
}

void stream_accept(struct stream *s, struct loop *loop,
    const struct stream_events *events, int fd, struct tls_context *context)
{
    prepare(s, loop, events);
    s->phase = STREAM_HANDSHAKE;
    if (context != NULL)
        s->tls = tls_server(context, &s->out);
    stream_attach(s, fd);
    if (s->tls == NULL)
        stream_tell_later(s); /* opened() follows from the loop */
    else
        handshake_accepted(&loop->handshakes, &s->handshake);
}

static int begin_connect(struct stream *s)
{
    int family = s->address->sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        s->error = errno;
        return -1;
    }
    if (family != AF_UNIX)
        socket_set_options(fd);
    if (try(s, fd))
        return fd;
    close(fd);
    return -1;
}

static void connect_prepared(
    struct stream *s, const struct sockaddr *address, socklen_t len)
{
    s->address = address;
    s->address_len = len;
    int fd = begin_connect(s);
    stream_attach(s, fd);
    if (fd < 0) {
        s->read = STREAM_READ_BROKEN;
        s->write = STREAM_WRITE_BROKEN;
        s->problem = strerror(s->error);
    }
    if (fd < 0 || !stream_is_connecting(s))
        stream_tell_later(s); /* loopback and unix sockets are that fast */
}

void stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len)
{
    prepare(s, loop, events);
    connect_prepared(s, address, len);
}

void stream_connect_tls(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len,
    struct tls_context *context, const char *name)
{
    prepare(s, loop, events);
    s->tls = tls_client(context, name, &s->out);
    connect_prepared(s, address, len);
}

static bool takes_writes(const struct stream *s)
{
    return s->write <= STREAM_WRITE_HELD && !stream_is_closed(s);
}

void stream_write_clear(struct stream *s, const char *bytes, size_t len)
{
    assert(s->tls == NULL || tls_is_untouched(s->tls));
    if (!takes_writes(s))
        return;
    buffer_append(&s->out, bytes, len);
    stream_touch(s);
}

void stream_set_priority(struct stream *s, unsigned priority)
{
    assert(priority < HANDSHAKE_PRIORITIES);
    s->handshake.priority = (uint8_t)priority;
}

bool stream_restart_tls(struct stream *s, struct tls_context *context)
{
    if (s->tls == NULL || s->phase >= STREAM_FAILED || !tls_is_untouched(s->tls))
        return false;
    tls_free(s->tls);
    s->tls = tls_server(context, &s->out);
    return true;
}

static void write_encrypted(struct stream *s, const char *bytes, size_t len)
{
    if (tls_write(s->tls, bytes, len))
        return;
    s->problem = tls_error(s->tls);
    stream_tell_later(s);
}

bool stream_write(struct stream *s, const char *bytes, size_t len)
{
    if (!takes_writes(s))
        return true;
    s->bytes_out += len;
    release(s);
    if (s->tls == NULL)
        buffer_append(&s->out, bytes, len);
    else if (s->phase == STREAM_OPEN)
        write_encrypted(s, bytes, len);
    else
        buffer_append(&s->early, bytes, len);
    stream_touch(s);
    if (stream_unsent(s) >= STREAM_HIGH_WATER)
        s->full = true;
    return !s->full;
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    /* The socket is still watched, because the stream is often resumed before anything
     * comes. */
}

void stream_resume(struct stream *s)
{
    if (!s->paused || stream_is_closed(s))
        return;
    s->paused = false;
    stream_touch(s);
    if (s->phase == STREAM_OPEN && s->tls != NULL && tls_has_input(s->tls))
        stream_tell_later(s);
}

void stream_end(struct stream *s)
{
    if (!takes_writes(s))
        return;
    s->write = STREAM_WRITE_ENDING;
    if (s->tls != NULL && s->phase == STREAM_OPEN)
        stream_close_notify(s);
    stream_touch(s);
}

void stream_cut(struct stream *s)
{
    if (!takes_writes(s))
        return;
    s->write = STREAM_WRITE_CUT;
    stream_touch(s);
}

void stream_close(struct stream *s)
{
    if (stream_is_closed(s))
        return;
    handshake_stops_awaiting_peer(&s->loop->handshakes, &s->handshake);
    if (s->phase != STREAM_FAILED || s->read >= STREAM_READ_ENDED) {
        stream_detach(s);
        return;
    }
    /* Unread bytes of the peer would make the kernel reset the connection, and the alert
     * might be lost. */
    s->phase = STREAM_LINGERING;
    if (s->write < STREAM_WRITE_ENDING)
        s->write = STREAM_WRITE_ENDING;
    stream_touch(s);
    loop_arm(s->loop, &s->retry_timer, FINAL_ALERT_LINGER);
}

void stream_reset(struct stream *s)
{
    static const struct linger now = {.l_onoff = 1};

    if (s->poller.fd >= 0)
        (void)setsockopt(s->poller.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    stream_close(s);
}

void stream_leave(struct stream *s)
{
    if (s->tls != NULL && s->phase == STREAM_OPEN && takes_writes(s) &&
        buffer_len(&s->out) == 0) {
        tls_end(s->tls);
        (void)fault_send(s->poller.fd, buffer_data(&s->out), buffer_len(&s->out), 0);
    }
    stream_close(s);
}

bool stream_has_sent_fin(const struct stream *s)
{
    return s->write == STREAM_WRITE_FIN_SENT || s->write == STREAM_WRITE_CUT_SENT;
}

int stream_error(const struct stream *s)
{
    return s->error;
}

size_t stream_undelivered(const struct stream *s)
{
    int queued = 0;

    if (s->poller.fd < 0 || ioctl(s->poller.fd, SIOCOUTQ, &queued) != 0 || queued < 0)
        queued = 0;
    return stream_unsent(s) + (size_t)queued;
}

size_t stream_end_len(const struct stream *s)
{
    return s->close_notify_len + (size_t)stream_has_sent_fin(s);
}

bool stream_is_quiet(const struct stream *s)
{
    char byte;

    if (s->error != 0 || s->read != STREAM_READ_OPEN || s->poller.pending != 0 ||
        (s->tls != NULL && tls_has_input(s->tls)))
        return false;
    if ((s->poller.wanted & EPOLLIN) != 0 && !s->more)
        return true;
    /* The stream has not been read from for a while, or not to the end, so it is unknown
     * what waits. */
    ssize_t n = recv(s->poller.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

bool stream_has_tls(const struct stream *s)
{
    return s->tls != NULL;
}

bool stream_is_in_handshake(const struct stream *s)
{
    return s->tls != NULL && s->phase == STREAM_HANDSHAKE;
}

const struct tls_info *stream_tls_info(struct stream *s)
{
    return s->tls != NULL ? tls_info(s->tls) : NULL;
}

void stream_idle(struct stream *s)
{
    s->resting = buffer_len(&s->out) > 0; /* once it is sent, see stream_flush() */
    buffer_shrink(&s->out, 0);
    buffer_shrink(&s->early, 0);
}

bool stream_local_address(const struct stream *s, struct sockaddr_storage *address)
{
    socklen_t len = sizeof(*address);

    return s->poller.fd >= 0 &&
        getsockname(s->poller.fd, (struct sockaddr *)address, &len) == 0;
}
