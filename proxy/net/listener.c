#include "proxy/net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/socket_options.h"

enum { RETRY_AFTER = 100 /* ms */ };

static void back_off(struct listener *l);

static void watch(struct listener *l)
{
    if (poller_for(&l->loop->pollers, &l->poller, EPOLLIN) != 0)
        back_off(l);
}

/* An error of one connection that was never made, not of the listener: accept(2). */
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

/* Without descriptors or memory the backlog waits, and nobody is turned away. */
static void back_off(struct listener *l)
{
    l->errors = 0;
    (void)poller_for(&l->loop->pollers, &l->poller, 0);
    loop_arm(l->loop, &l->retry, RETRY_AFTER);
}

static void on_retry(struct deadline *retry)
{
    struct listener *l = container_of(retry, struct listener, retry);

    if (!l->paused)
        watch(l);
}

/* False when there is nothing more to accept for now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof(peer);
    int fd = fault_accept(l->fd, (struct sockaddr *)&peer, &len);

    if (fd >= 0) {
        /* A connection that was in the backlog before the listener got the option does
         * not have it. */
        if (!l->inherited && peer.ss_family != AF_UNIX)
            socket_set_options(fd);
        l->errors = 0;
        l->events->accepted(l, fd, &peer);
        return true;
    }
    int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) {
        l->inherited = true;
        return false;
    }
    bool go_on = concerns_one_connection(error) && ++l->errors < LISTENER_ERRORS_MAX;
    if (!go_on)
        back_off(l);
    if (error != EINTR)
        l->events->failed(l, error);
    return go_on;
}

static void on_acceptable(struct poller *p, uint32_t events)
{
    struct listener *l = container_of(p, struct listener, poller);

    (void)events; /* accept4() will report an error of the socket */
    l->loop->events_seen = true;
    uint64_t began = uv_hrtime();
    for (int i = 0; i < LISTENER_BATCH && !l->paused && !l->closing; i++)
        if (!accept_one(l))
            break;
    cpu_budget_charge(&l->loop->handshakes, began);
}

static void on_closed(struct poller *p)
{
    struct listener *l = container_of(p, struct listener, poller);

    l->events->closed(l);
}

void listener_open(
    struct listener *l, struct loop *loop, const struct listener_events *events, int fd)
{
    *l = (struct listener){.events = events, .loop = loop, .fd = fd};
    deadline_init(&l->retry, on_retry);
    l->poller.happened = on_acceptable;
    l->poller.closed = on_closed;
    socket_set_options(fd);
    poller_open(&loop->pollers, &l->poller, fd);
    watch(l);
}

void listener_pause(struct listener *l)
{
    if (l->paused || l->closing)
        return;
    l->paused = true;
    (void)poller_for(&l->loop->pollers, &l->poller, 0);
}

void listener_resume(struct listener *l)
{
    if (!l->paused || l->closing)
        return;
    l->paused = false;
    if (!deadline_is_armed(&l->retry))
        watch(l);
}

void listener_close(struct listener *l)
{
    if (l->closing)
        return;
    l->closing = true;
    deadline_disarm(&l->retry);
    poller_close(&l->loop->pollers, &l->poller);
}
