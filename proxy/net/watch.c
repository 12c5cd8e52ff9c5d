#include "proxy/net/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/net/patience.h"

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct watches *all = container_of(poll, struct watches, poll);
    struct epoll_event happened[WATCH_BATCH];
    int count = epoll_wait(all->epoll, happened, WATCH_BATCH, 0);

    (void)status, (void)events;
    /* All are noted before the first is told: who is told may ask about another. Their
     * memory stays: closed() comes later. */
    for (int i = 0; i < count; i++)
        ((struct watch *)happened[i].data.ptr)->pending = happened[i].events;
    for (int i = 0; i < count; i++) {
        struct watch *w = happened[i].data.ptr;
        uint32_t pending = w->pending;

        w->pending = 0;
        if (pending != 0)
            w->happened(w, pending);
    }
}

void watches_init(struct watches *all, uv_loop_t *uv)
{
    all->open = 0;
    list_init(&all->closing);
    all->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (all->epoll < 0 || uv_poll_init(uv, &all->poll, all->epoll) != 0 ||
        uv_poll_start(&all->poll, UV_READABLE, on_events) != 0)
        abort();
    uv_unref((uv_handle_t *)&all->poll);
}

void watches_close(struct watches *all)
{
    uv_close((uv_handle_t *)&all->poll, NULL);
}

void watches_destroy(struct watches *all)
{
    close(all->epoll);
}

void watch_open(struct watches *all, struct watch *w, int fd)
{
    w->fd = fd;
    w->wanted = w->pending = 0;
    list_init(&w->closing);
    /* The loop goes on while there is anything to watch. */
    if (all->open++ == 0)
        uv_ref((uv_handle_t *)&all->poll);
}

static int control(struct watches *all, struct watch *w, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};

    return patience_epoll_ctl(all->epoll, operation, w->fd, &event) == 0 ? 0 : errno;
}

int watch_for(struct watches *all, struct watch *w, uint32_t events)
{
    int operation = w->wanted == 0 ? EPOLL_CTL_ADD
        : events == 0              ? EPOLL_CTL_DEL
                                   : EPOLL_CTL_MOD;

    if (w->wanted == events)
        return 0;
    w->wanted = events;
    return control(all, w, operation, events);
}

void watch_close(struct watches *all, struct watch *w)
{
    /* Said although close() does it, too: not while another process has the socket. */
    (void)watch_for(all, w, 0);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->pending = 0;
    list_append(&all->closing, &w->closing);
}

void watches_tell_closed(struct watches *all)
{
    struct list *node;

    while ((node = list_take(&all->closing)) != NULL) {
        struct watch *w = container_of(node, struct watch, closing);

        if (--all->open == 0)
            uv_unref((uv_handle_t *)&all->poll);
        w->closed(w);
    }
}
