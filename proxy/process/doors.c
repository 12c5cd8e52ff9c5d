#include "proxy/process/doors.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/process/served.h"
#include "proxy/session/client.h"

/* No more than this are let in from a backlog that is about to be closed. */
enum { LAST_CALL = 4096, COMPLAINT_PAUSE = 10000 };

/* ms for the last segment of a TCP handshake that began before doors_shut(). */
enum { ON_THE_WAY = 250 };

struct door {
    struct list link;
    struct listener listener;
    struct doors *doors;
    struct service *service;
    ino_t inode;
    struct generation *held; /* NULL: leads to the current one; else it is to close */
    uint64_t failures, complained; /* ms, when last */
};

static ino_t inode_of(int fd)
{
    struct stat state;

    return fstat(fd, &state) == 0 ? state.st_ino : 0;
}

static void pause_all(struct doors *doors)
{
    for (struct list *node = doors->open.next; node != &doors->open; node = node->next)
        listener_pause(&container_of(node, struct door, link)->listener);
}

static void on_accepted(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct door *door = container_of(l, struct door, listener);
    struct doors *doors = door->doors;

    client_accept(doors->front, door->service, fd, peer);
    if (!front_has_room(doors->front))
        pause_all(doors);
}

/* At a bounded rate: out of descriptors it may come many times a second. */
static void on_failed(struct listener *l, int error)
{
    struct door *door = container_of(l, struct door, listener);
    uint64_t now = loop_now(door->doors->loop);

    front_counters(door->doors->front)->accept_errors++;
    door->failures++;
    if (error == ECONNABORTED || now - door->complained < COMPLAINT_PAUSE)
        return;
    log_warning("event=accept_failed service=%s reason=\"%s\" times=%llu",
        door->service->settings->name, strerror(error),
        (unsigned long long)door->failures);
    door->complained = now;
    door->failures = 0;
}

static void on_closed(struct listener *l)
{
    free(container_of(l, struct door, listener));
}

static const struct listener_events events = {on_accepted, on_failed, on_closed};

static void open_door(struct doors *doors, const struct key *key, struct service *service)
{
    struct door *door = calloc(1, sizeof(*door));

    if (door == NULL)
        abort();
    door->doors = doors;
    door->service = service;
    door->inode = key->inode;
    list_append(&doors->open, &door->link);
    listener_open(&door->listener, doors->loop, &events, key->fd);
    if (!front_has_room(doors->front))
        listener_pause(&door->listener);
}

static void let_in_the_waiting(struct door *door)
{
    for (int i = 0; i < LAST_CALL; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(door->listener.fd, (struct sockaddr *)&peer, &len,
            SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        client_accept(door->doors->front, door->service, fd, &peer);
    }
}

static void close_door(struct door *door, bool handed_over)
{
    list_remove(&door->link);
    if (!handed_over)
        let_in_the_waiting(door);
    generation_unref(door->held);
    listener_close(&door->listener);
}

static void on_last_call(struct deadline *due)
{
    struct doors *doors = container_of(due, struct doors, last_call);
    struct list *node, *next;

    for (node = doors->open.next; node != &doors->open; node = next) {
        struct door *door = container_of(node, struct door, link);

        next = node->next;
        if (door->held != NULL)
            close_door(door, false);
    }
}

static void on_room(void *owner)
{
    struct doors *doors = owner;

    for (struct list *node = doors->open.next; node != &doors->open; node = node->next)
        listener_resume(&container_of(node, struct door, link)->listener);
}

void doors_init(struct doors *doors, struct loop *loop, struct front *front)
{
    doors->loop = loop;
    doors->front = front;
    list_init(&doors->open);
    deadline_init(&doors->last_call, on_last_call);
    front_on_room(front, on_room, doors);
}

static struct door *door_with(struct doors *doors, ino_t inode)
{
    for (struct list *node = doors->open.next; node != &doors->open; node = node->next) {
        struct door *door = container_of(node, struct door, link);

        if (door->inode == inode && inode != 0)
            return door;
    }
    return NULL;
}

static void use_key(struct doors *doors, const struct key *key, struct service *service)
{
    struct door *door = door_with(doors, key->inode);

    if (door == NULL) {
        open_door(doors, key, service);
        return;
    }
    generation_unref(door->held);
    door->held = NULL;
    door->service = service;
    key_destroy(key);
}

struct key doors_key(struct doors *doors, uint32_t listener, int fd)
{
    struct key key = {.listener = listener, .fd = fd, .inode = inode_of(fd)};

    if (door_with(doors, key.inode) == NULL)
        return key;
    close(fd);
    key.fd = -1;
    return key;
}

void key_destroy(const struct key *key)
{
    if (key->fd >= 0)
        close(key->fd);
}

/* The service's generation stays as long as clients may come in for it. */
static void hold(struct door *door)
{
    if (door->held == NULL)
        door->held = generation_ref(door->service->generation);
}

void doors_lead_to(struct doors *doors, const struct served *served,
    const struct key *keys, size_t count)
{
    for (struct list *node = doors->open.next; node != &doors->open; node = node->next)
        hold(container_of(node, struct door, link));
    for (size_t i = 0; i < count; i++)
        use_key(doors, &keys[i],
            &served->generation->services[served->listeners[keys[i].listener]]);
}

void doors_shut(struct doors *doors)
{
    loop_arm(doors->loop, &doors->last_call, ON_THE_WAY);
}

void doors_close(struct doors *doors, bool handed_over)
{
    deadline_disarm(&doors->last_call);
    while (!list_empty(&doors->open))
        close_door(container_of(doors->open.next, struct door, link), handed_over);
}
