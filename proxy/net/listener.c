#include "proxy/net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"

enum { RETRY_AFTER = 100 /* ms */ };

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void watch(struct listener *l)
{
    uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

/* Trouble of one connection that never came to be, not of the listener: accept(2). */
static bool concerns_one_connection(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return true;
    default:
        return false;
    }
}

/* Out of descriptors or memory: the backlog waits, nobody is turned away. */
static void back_off(struct listener *l)
{
    uv_poll_stop(&l->poll);
    loop_arm(l->loop, &l->retry, RETRY_AFTER);
}

static void on_retry(struct deadline *retry)
{
    struct listener *l = container_of(retry, struct listener, retry);

    if (!l->paused)
        watch(l);
}

/* Not left to inheritance: what was in the backlog before would not have it. */
static void send_without_delay(int fd, int family)
{
    int on = 1;

    if (family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* False when there is nothing more to take for now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = fault_accept(l->fd, (struct sockaddr *)&peer, &len);

    if (fd >= 0) {
        send_without_delay(fd, peer.ss_family);
        l->events->accepted(l, fd, &peer);
        return true;
    }
    int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK)
        return false;
    bool go_on = concerns_one_connection(error);
    if (!go_on)
        back_off(l);
    if (error != EINTR)
        l->events->failed(l, error);
    return go_on;
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct listener *l = container_of(poll, struct listener, poll);

    (void)events;
    l->loop->events_seen = true;
    if (status < 0) {
        back_off(l); /* an error on the socket: accept4() will tell which */
        return;
    }
    for (int i = 0; i < LISTENER_BATCH && !l->paused && !l->closing; i++)
        if (!accept_one(l))
            break;
}

void listener_open(
    struct listener *l, struct loop *loop, const struct listener_events *events, int fd)
{
    *l = (struct listener){.events = events, .loop = loop, .fd = fd};
    deadline_init(&l->retry, on_retry);
    if (uv_poll_init(&loop->uv, &l->poll, fd) != 0)
        abort();
    watch(l);
}

void listener_pause(struct listener *l)
{
    if (l->paused || l->closing)
        return;
    l->paused = true;
    uv_poll_stop(&l->poll);
}

void listener_resume(struct listener *l)
{
    if (!l->paused || l->closing)
        return;
    l->paused = false;
    if (!deadline_is_armed(&l->retry))
        watch(l);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = container_of(handle, struct listener, poll);

    l->events->closed(l);
}

void listener_close(struct listener *l)
{
    if (l->closing)
        return;
    l->closing = true;
    deadline_disarm(&l->retry);
    uv_close((uv_handle_t *)&l->poll, on_closed);
    close(l->fd); /* after uv_close(), which took it out of epoll */
}
