/*
 * session_rig.h - a struct clients with scripted peers on both sides: clients over socket
 * pairs, backends behind abstract unix sockets, iterated by the test, without threads and
 * sleeping. Shared by unit tests and the fuzz target.
 */
#ifndef WLBPROXY_TESTS_SESSION_RIG_H
#define WLBPROXY_TESTS_SESSION_RIG_H

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/error.h"
#include "proxy/net/iteration.h"
#include "proxy/session/balancer.h"
#include "proxy/session/client.h"
#include "proxy/session/client_events.h"
#include "proxy/session/clients.h"
#include "proxy/session/generation.h"

enum { RIG_BACKENDS = 2, RIG_TURNS = 12 };

struct rig {
    struct loop loop;
    struct clients *clients;
    struct generation *generation;
    int listeners[RIG_BACKENDS];
    struct endpoint endpoints[RIG_BACKENDS];
};

static inline void rig_listen(struct rig *rig, int i)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&rig->endpoints[i].address;
    int name;

    address->sun_family = AF_UNIX;
    name = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
        "wlbproxy-rig-%d-%p-%d", (int)getpid(), (void *)rig, i);
    rig->endpoints[i].len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)name);
    snprintf(rig->endpoints[i].text, sizeof(rig->endpoints[i].text), "backend%d", i);
    rig->listeners[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(rig->listeners[i], (struct sockaddr *)address, rig->endpoints[i].len) != 0 ||
        listen(rig->listeners[i], 64) != 0)
        abort();
}

/* `options` are lines of a configuration, for the one service. */
static inline struct generation *rig_generation(
    struct rig *rig, const char *options, size_t backends)
{
    char text[2048];
    struct error err;
    struct settings *settings;
    struct generation *g;

    snprintf(text, sizeof(text),
        "max_connections = 100\n[wlb]\naccept = 8012\nconnect = unix:/nowhere\n%s",
        options);
    settings = settings_parse(text, "rig", &err);
    if (settings == NULL) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    g = generation_new(1, settings);
    for (uint32_t i = 0; i < backends; i++)
        balancer_set_addresses(g->services[0].balancer,
            &(struct balancer_line){.connect = i, .weight = 1}, &rig->endpoints[i], 1);
    return g;
}

static inline void rig_start(struct rig *rig, const char *options, size_t backends)
{
    memset(rig, 0, sizeof(*rig));
    loop_init(&rig->loop);
    rig->clients = clients_new(&rig->loop);
    for (int i = 0; i < RIG_BACKENDS; i++)
        rig_listen(rig, i);
    rig->generation = rig_generation(rig, options, backends);
}

static inline void rig_iterate(struct rig *rig)
{
    for (int i = 0; i < RIG_TURNS; i++)
        loop_iterate(&rig->loop, false);
}

/* Moves all armed deadlines nearer, as if so many ms had passed. */
static inline void rig_wait(struct rig *rig, uint64_t ms)
{
    rig_iterate(rig);
    for (unsigned i = 0; i < rig->loop.deadlines.count; i++) {
        struct list *armed = &rig->loop.deadlines.queues[i]->armed;

        for (struct list *node = armed->next; node != armed; node = node->next) {
            struct deadline *d = container_of(node, struct deadline, link);

            d->due -= d->due > ms ? ms : d->due;
        }
    }
    deadlines_expire(&rig->loop.deadlines, loop_now(&rig->loop));
    rig_iterate(rig);
}

static inline void rig_stop(struct rig *rig)
{
    clients_close_all(rig->clients);
    clients_retire(rig->generation);
    rig_iterate(rig);
    assert(clients_count(rig->clients) == 0);
    assert(rig->clients->backend_count == 0);
    assert(rig->generation->refs == 1);
    generation_unref(rig->generation);
    clients_free(rig->clients);
    rig_iterate(rig);
    loop_destroy(&rig->loop);
    for (int i = 0; i < RIG_BACKENDS; i++) {
        if (rig->listeners[i] >= 0)
            close(rig->listeners[i]);
    }
}

/* The backend's address refuses from now on. */
static inline void rig_refuse(struct rig *rig, int backend)
{
    close(rig->listeners[backend]);
    rig->listeners[backend] = -1;
}

static inline int rig_client(struct rig *rig)
{
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    clients_accept(rig->clients, &rig->generation->services[0], pair[0], &peer);
    rig_iterate(rig);
    return pair[1];
}

/* The connection the proxy made to a backend, or -1. */
static inline int rig_backend(struct rig *rig, int backend)
{
    rig_iterate(rig);
    return accept4(rig->listeners[backend], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline void rig_send(struct rig *rig, int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    rig_iterate(rig);
}

/* Returns the bytes that have come, as a string (static); NULL after the peer's end with
 * nothing before it. */
static inline const char *rig_receive(struct rig *rig, int fd)
{
    static char text[256 * 1024];
    size_t len = 0;
    ssize_t n;

    rig_iterate(rig);
    while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0) {
        len += (size_t)n;
        rig_iterate(rig);
    }
    text[len] = '\0';
    return len == 0 && (n == 0 || errno != EAGAIN) ? NULL : text;
}

/* The newest client sends close_notify; a FIN would come separately. */
static inline void rig_close_notify(struct rig *rig)
{
    struct stream *s =
        &container_of(rig->clients->clients.prev, struct client, link)->stream;

    rig_iterate(rig);
    s->events->close_notify(s);
    rig_iterate(rig);
}

static inline bool rig_has_ended(struct rig *rig, int fd)
{
    char byte;

    rig_iterate(rig);
    return recv(fd, &byte, 1, MSG_PEEK) == 0;
}

#endif
