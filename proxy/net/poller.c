#include "proxy/net/poller.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy/base/epoll_retry.h"

void pollers_init(struct pollers *all, int libuv)
{
    struct epoll_event event = {.events = EPOLLIN}; /* without a poller */

    *all = (struct pollers){.epoll = epoll_create1(EPOLL_CLOEXEC)};
    list_init(&all->closing);
    if (all->epoll < 0 || epoll_retry_ctl(all->epoll, EPOLL_CTL_ADD, libuv, &event) != 0)
        abort();
}

void pollers_destroy(struct pollers *all)
{
    close(all->epoll);
}

/* epoll_pwait2() would do it alone, but not every kernel has it. */
static void wait_ns(const struct pollers *all, uint64_t ns)
{
    const struct timespec most = {.tv_nsec = (long)ns}; /* less than a second */
    struct pollfd set = {.fd = all->epoll, .events = POLLIN};

    (void)ppoll(&set, 1, &most, NULL);
}

void pollers_wait(struct pollers *all, int ms, uint64_t most)
{
    if (ms != 0 && most != 0) {
        wait_ns(all, most);
        ms = 0;
    }
    all->count = epoll_wait(all->epoll, all->happened, POLL_BATCH, ms);
}

bool pollers_report(struct pollers *all)
{
    bool libuv = false;

    /* All are noted before the first callback, which may ask about another one. Their
     * memory stays: closed() comes later. */
    for (int i = 0; i < all->count; i++) {
        struct poller *p = all->happened[i].data.ptr;

        if (p == NULL)
            libuv = true;
        else
            p->pending = all->happened[i].events;
    }
    for (int i = 0; i < all->count; i++) {
        struct poller *p = all->happened[i].data.ptr;
        uint32_t pending = p != NULL ? p->pending : 0;

        if (pending == 0)
            continue;
        p->pending = 0;
        p->happened(p, pending);
    }
    return libuv;
}

void poller_open(struct pollers *all, struct poller *p, int fd)
{
    p->fd = fd;
    p->wanted = p->pending = 0;
    list_init(&p->closing);
    all->open++;
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

        all->open--;
        p->closed(p);
    }
}
