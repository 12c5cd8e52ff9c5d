#include "proxy/net/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/epoll_retry.h"

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct pollers *all = container_of(poll, struct pollers, poll);
    struct epoll_event happened[POLL_BATCH];
    int count = epoll_wait(all->epoll, happened, POLL_BATCH, 0);

    (void)status, (void)events;
    /* All are noted before the first callback, which may ask about another one. Their
     * memory stays: closed() comes later. */
    for (int i = 0; i < count; i++)
        ((struct poller *)happened[i].data.ptr)->pending = happened[i].events;
    for (int i = 0; i < count; i++) {
        struct poller *w = happened[i].data.ptr;
        uint32_t pending = w->pending;

        w->pending = 0;
        if (pending != 0)
            w->happened(w, pending);
    }
}

void pollers_init(struct pollers *all, uv_loop_t *uv)
{
    all->open = 0;
    list_init(&all->closing);
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (all->epoll < 0 || uv_poll_init(uv, &all->poll, all->epoll) != 0 ||
        uv_poll_start(&all->poll, UV_READABLE, on_events) != 0)
        abort();
    uv_unref((uv_handle_t *)&all->poll);
}

void pollers_close(struct pollers *all)
{
    uv_close((uv_handle_t *)&all->poll, NULL);
}

void pollers_destroy(struct pollers *all)
{
    close(all->epoll);
}

void poller_open(struct pollers *all, struct poller *w, int fd)
{
    w->fd = fd;
    w->wanted = w->pending = 0;
    list_init(&w->closing);
    /* The loop runs on while there is anything to watch. */
    if (all->open++ == 0)
        uv_ref((uv_handle_t *)&all->poll);
}

static int control(struct pollers *all, struct poller *w, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};

    return epoll_retry_ctl(all->epoll, operation, w->fd, &event) == 0 ? 0 : errno;
}

int poller_for(struct pollers *all, struct poller *w, uint32_t events)
{
    int operation = w->wanted == 0 ? EPOLL_CTL_ADD
        : events == 0              ? EPOLL_CTL_DEL
                                   : EPOLL_CTL_MOD;

    if (w->wanted == events)
        return 0;
    w->wanted = events;
    return control(all, w, operation, events);
}

int poller_release(struct pollers *all, struct poller *w)
{
    int fd = w->fd;

    /* close() removes it only if no other process has the socket. */
    (void)poller_for(all, w, 0);
    w->fd = -1;
    w->pending = 0;
    list_append(&all->closing, &w->closing);
    return fd;
}

void poller_close(struct pollers *all, struct poller *w)
{
    int fd = poller_release(all, w);

    if (fd >= 0)
        close(fd);
}

void pollers_tell_closed(struct pollers *all)
{
    struct list *node;

    while ((node = list_take(&all->closing)) != NULL) {
        struct poller *w = container_of(node, struct poller, closing);

        if (--all->open == 0)
            uv_unref((uv_handle_t *)&all->poll);
        w->closed(w);
    }
}
