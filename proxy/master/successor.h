/*
 * successor.h - we were started by a master of another version, to take its place: its
 * sockets and ticket keys, then our part of proxy/ipc/handover.h.
 *
 * Until it has given us its place it is the one that the service manager and the control
 * socket know; we serve beside it. If it goes away, its place is ours.
 */
#ifndef WLBPROXY_MASTER_SUCCESSOR_H
#define WLBPROXY_MASTER_SUCCESSOR_H

#include <stdbool.h>

#include <uv.h>

struct reload;
struct ticket_keys;

#define SUCCESSOR_VARIABLE "WLBPROXY_SUCCESSOR"

enum { SUCCESSOR_FD = 3 };

/* What is inherited, and who is told; all borrowed. */
struct successor_of {
    struct reload *reload;
    struct ticket_keys *tickets;
    bool (*is_well)(void *owner); /* all our processes answer */
    void (*open_control)(void *owner);
    void (*take_place)(void *owner); /* we are the only master from now on */
    void *owner;
};

struct successor {
    struct successor_of of;
    enum successor_state {
        SUCCESSOR_NOT, /* started by nobody, or in its place by now */
        SUCCESSOR_BEGINS,
        SUCCESSOR_SERVES,
        SUCCESSOR_TAKES, /* waits until the service manager knows */
    } state;
    bool began_so;
    int channel;
    uv_poll_t poll;
    uv_timer_t alive;
};

/* Says hello, and takes the inheritance, if there is one. */
void successor_init(struct successor *successor, const struct successor_of *of);

/* All workers serve. False: there is no predecessor whose place would be waited for. */
bool successor_serves(struct successor *successor);

/* We cannot start. */
void successor_refuses(struct successor *successor, const char *reason);

#endif
