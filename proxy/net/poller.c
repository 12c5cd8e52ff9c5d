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
        struct poller *p = happened[i].data.ptr;
        uint32_t pending = p->pending;

        p->pending = 0;
        if (pending != 0)
            p->happened(p, pending);
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

void poller_open(struct pollers *all, struct poller *p, int fd)
{
    p->fd = fd;
    p->wanted = p->pending = 0;
    list_init(&p->closing);
    /* The loop runs on while there is anything to watch. */
    if (all->open++ == 0)
        uv_ref((uv_handle_t *)&all->poll);
}

static int control(struct pollers *all, struct poller *p, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = p};

    return epoll_retry_ctl(all->epoll, operation, p->fd, &event) == 0 ? 0 : errno;
}

int poller_for(struct pollers *all, struct poller *p, uint32_t events)
{
    int operation = p->wanted == 0 ? EPOLL_CTL_ADD
        : events == 0              ? EPOLL_CTL_DEL
                                   : EPOLL_CTL_MOD;

    if (p->wanted == events)
        return 0;
    p->wanted = events;
    return control(all, p, operation, events);
}

int poller_release(struct pollers *all, struct poller *p)
{
    int fd = p->fd;

    /* close() removes it only if no other process has the socket. */
    (void)poller_for(all, p, 0);
    p->fd = -1;
    p->pending = 0;
    list_append(&all->closing, &p->closing);
    return fd;
}

void poller_close(struct pollers *all, struct poller *p)
{
    int fd = poller_release(all, p);

    if (fd >= 0)
        close(fd);
}

void pollers_tell_closed(struct pollers *all)
{
    struct list *node;

    while ((node = list_take(&all->closing)) != NULL) {
        struct poller *p = container_of(node, struct poller, closing);

        if (--all->open == 0)
            uv_unref((uv_handle_t *)&all->poll);
        p->closed(p);
    }
}
