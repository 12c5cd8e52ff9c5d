#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/net/loop.h"
#include "proxy/net/socket_options.h"
#include "proxy/net/stream_io.h"

enum { AGAIN_AFTER = 20 /* ms */ };

/* Of what is on the same machine the kernel has heard by the time connect() returns, and
 * tells who asks again. */
static bool is_under_way(int fd, const struct sockaddr *address, socklen_t len)
{
    return connect(fd, address, len) != 0 &&
        (errno != EINPROGRESS || connect(fd, address, len) != 0);
}

/* Only a unix socket says so: of a TCP backlog that is full, the kernel asks again. */
static bool is_backlog_full(const struct stream *s, int error)
{
    return error == EAGAIN && s->address->sa_family == AF_UNIX;
}

static bool may_come_true(const struct stream *s, int error)
{
    return error == EINPROGRESS || error == EALREADY || error == EINTR ||
        is_backlog_full(s, error);
}

/* False: it cannot come true, see s->error. */
static bool try(struct stream *s, int fd)
{
    bool under_way = is_under_way(fd, s->address, s->address_len);

    if (under_way && !may_come_true(s, errno)) {
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

void stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len)
{
    stream_prepare(s, loop, events);
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

void stream_connect_again(struct stream *s)
{
    if (!try(s, s->poller.fd))
        stream_broken(s, s->error);
    else if (!stream_is_connecting(s))
        stream_tell_later(s);
    else
        stream_touch(s);
}
