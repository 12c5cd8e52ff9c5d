/*
 * successor.h - our part when a master of another version has started us to replace it:
 * we take its sockets and ticket keys, and follow proxy/ipc/handover.h.
 *
 * Until it has given us its place, the service manager and the control socket know the
 * predecessor; we serve beside it. If it goes away, we take its place.
 */
#ifndef WLBPROXY_MASTER_SUCCESSOR_H
#define WLBPROXY_MASTER_SUCCESSOR_H

#include <stdbool.h>

#include <uv.h>

struct drained;
struct reload;
struct ticket_keys;

#define SUCCESSOR_VARIABLE "WLBPROXY_SUCCESSOR"

enum { SUCCESSOR_FD = 3 };

/* The inheritance, and the callbacks; all borrowed. */
struct successor_of {
    struct reload *reload;
    struct ticket_keys *tickets;
    struct drained *drained;
    bool (*is_well)(void *owner); /* all our processes answer */
    void (*open_control)(void *owner);
    void (*take_place)(void *owner); /* we are the only master from now on */
    void *owner;
};

struct successor {
    struct successor_of of;
    enum successor_state {
        SUCCESSOR_NOT, /* not started by a master, or already in its place */
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

/* All workers serve. False: there is no predecessor to wait for. */
bool successor_serves(struct successor *successor);

/* We cannot start. */
void successor_refuses(struct successor *successor, const char *reason);

#endif
