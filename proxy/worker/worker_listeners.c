#include "proxy/worker/worker_listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/file_state.h"
#include "proxy/base/log.h"
#include "proxy/base/memory.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/session/clients.h"
#include "proxy/worker/served.h"

/* At most this many clients are accepted from a backlog that is about to be closed. */
enum { DRAIN_BACKLOG = 4096, COMPLAINT_PAUSE = 10000 };

/* ms: time for the last segment of a TCP handshake that began before
 * worker_listeners_shut(). */
enum { ON_THE_WAY = 250 };

struct worker_listener {
    struct list link;
    struct listener listener;
    struct worker_listeners *listeners;
    struct service *service;
    ino_t inode;
    struct generation *held; /* NULL: it serves the current one; else it is to be
                              * closed */
    uint64_t failures, complained; /* ms: time of the last complaint */
};

static ino_t inode_of(int fd)
{
    struct stat state;

    return file_state(fd, &state) == 0 ? state.st_ino : 0;
}

static void pause_all(struct worker_listeners *listeners)
{
    for (struct list *node = listeners->open.next; node != &listeners->open;
         node = node->next)
        listener_pause(&container_of(node, struct worker_listener, link)->listener);
}

static void on_accepted(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct worker_listener *listener = container_of(l, struct worker_listener, listener);
    struct worker_listeners *listeners = listener->listeners;

    clients_accept(listeners->clients, listener->service, fd, peer);
    if (!clients_have_room(listeners->clients))
        pause_all(listeners);
}

/* The rate is bounded, because without descriptors it may come many times a second. */
static void on_failed(struct listener *l, int error)
{
    struct worker_listener *listener = container_of(l, struct worker_listener, listener);
    uint64_t now = loop_now(listener->listeners->loop);

    clients_counters(listener->listeners->clients)->accept_errors++;
    listener->failures++;
    if (error == ECONNABORTED || now - listener->complained < COMPLAINT_PAUSE)
        return;
    log_warning("event=accept_failed service=%s reason=\"%s\" times=%llu",
        listener->service->settings->name, strerror(error),
        (unsigned long long)listener->failures);
    listener->complained = now;
    listener->failures = 0;
}

static void on_closed(struct listener *l)
{
    free(container_of(l, struct worker_listener, listener));
}

static const struct listener_events events = {on_accepted, on_failed, on_closed};

static void open_listener(struct worker_listeners *listeners,
    const struct staged_listener *staged, struct service *service)
{
    struct worker_listener *listener = memory_new(sizeof(*listener));

    listener->listeners = listeners;
    listener->service = service;
    listener->inode = staged->inode;
    list_append(&listeners->open, &listener->link);
    listener_open(&listener->listener, listeners->loop, &events, staged->fd);
    if (!clients_have_room(listeners->clients))
        listener_pause(&listener->listener);
}

static void accept_backlog(struct worker_listener *listener)
{
    for (int i = 0; i < DRAIN_BACKLOG; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(listener->listener.fd, (struct sockaddr *)&peer, &len,
            SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        clients_accept(listener->listeners->clients, listener->service, fd, &peer);
    }
}

static void close_listener(struct worker_listener *listener, bool handed_over)
{
    list_remove(&listener->link);
    if (!handed_over)
        accept_backlog(listener);
    generation_unref(listener->held);
    listener_close(&listener->listener);
}

static void on_drain_backlog(struct deadline *due)
{
    struct worker_listeners *listeners =
        container_of(due, struct worker_listeners, drain_backlog);
    struct list *node, *next;

    for (node = listeners->open.next; node != &listeners->open; node = next) {
        struct worker_listener *listener =
            container_of(node, struct worker_listener, link);

        next = node->next;
        if (listener->held != NULL)
            close_listener(listener, false);
    }
}

static void on_room(void *owner)
{
    struct worker_listeners *listeners = owner;

    for (struct list *node = listeners->open.next; node != &listeners->open;
         node = node->next)
        listener_resume(&container_of(node, struct worker_listener, link)->listener);
}

void worker_listeners_init(
    struct worker_listeners *listeners, struct loop *loop, struct clients *clients)
{
    listeners->loop = loop;
    listeners->clients = clients;
    list_init(&listeners->open);
    deadline_init(&listeners->drain_backlog, on_drain_backlog);
    clients_on_room(clients, on_room, listeners);
}

static struct worker_listener *listener_with(
    struct worker_listeners *listeners, ino_t inode)
{
    for (struct list *node = listeners->open.next; node != &listeners->open;
         node = node->next) {
        struct worker_listener *listener =
            container_of(node, struct worker_listener, link);

        if (listener->inode == inode && inode != 0)
            return listener;
    }
    return NULL;
}

static void use_staged(struct worker_listeners *listeners,
    const struct staged_listener *staged, struct service *service)
{
    struct worker_listener *listener = listener_with(listeners, staged->inode);

    if (listener == NULL) {
        open_listener(listeners, staged, service);
        return;
    }
    generation_unref(listener->held);
    listener->held = NULL;
    listener->service = service;
    staged_listener_destroy(staged);
}

struct staged_listener worker_listeners_stage(
    struct worker_listeners *listeners, uint32_t listener, int fd)
{
    struct staged_listener staged = {
        .listener = listener, .fd = fd, .inode = inode_of(fd)};

    if (listener_with(listeners, staged.inode) == NULL)
        return staged;
    close(fd);
    staged.fd = -1;
    return staged;
}

void staged_listener_destroy(const struct staged_listener *staged)
{
    if (staged->fd >= 0)
        close(staged->fd);
}

/* The service's generation stays as long as clients may be accepted for it. */
static void hold(struct worker_listener *listener)
{
    if (listener->held == NULL)
        listener->held = generation_ref(listener->service->generation);
}

void worker_listeners_switch(struct worker_listeners *listeners,
    const struct served *served, const struct staged_listener *staged, size_t count)
{
    for (struct list *node = listeners->open.next; node != &listeners->open;
         node = node->next)
        hold(container_of(node, struct worker_listener, link));
    for (size_t i = 0; i < count; i++)
        use_staged(listeners, &staged[i],
            &served->generation->services[served->listeners[staged[i].listener]]);
}

void worker_listeners_shut(struct worker_listeners *listeners)
{
    loop_arm(listeners->loop, &listeners->drain_backlog, ON_THE_WAY);
}

void worker_listeners_close(struct worker_listeners *listeners, bool handed_over)
{
    deadline_disarm(&listeners->drain_backlog);
    while (!list_empty(&listeners->open))
        close_listener(container_of(listeners->open.next, struct worker_listener, link),
            handed_over);
}
