/*
 * master_admin.h - the master's side of the admin address: opens its socket, keeps one
 * wlbproxy-admin alive, and sends it the status when it asks.
 *
 * Serving matters more: an address that cannot be opened is logged, and tried again now
 * and then.
 */
#ifndef WLBPROXY_MASTER_MASTER_ADMIN_H
#define WLBPROXY_MASTER_MASTER_ADMIN_H

#include <stdbool.h>

#include "config/settings.h"
#include "proxy/control/control_path.h"
#include "proxy/master/sockets.h"
#include "proxy/master/status.h"
#include "proxy/master/supervisor.h"

struct identity;
struct reload;
struct status;
struct successor;

struct master_admin {
    /* Set by the owner, and borrowed. */
    const struct supervisor *workers; /* has the program and the loop */
    struct reload *reload; /* its settings have the address */
    const struct identity *identity; /* the account of the process */
    struct status *status; /* the status that it asks for */
    const struct successor *successor; /* the address may be its predecessor's until it
                                        * takes over */
    /* its own */
    struct supervisor supervisor; /* no slots before it is first configured */
    struct sockets sockets; /* for an address, */
    struct control_path path; /* or for a path: */
    int path_fd; /* -1: none */
    char *address; /* as configured, while it is open; else NULL */
    bool failure_told, was_open;
    bool over; /* the master drains */
    struct status_waiter waiter; /* linked: the process waits for an answer */
};

void master_admin_init(struct master_admin *admin);

/* A plan is served now: opens its address if that is another one, or could not be opened
 * so far. */
void master_admin_update(struct master_admin *admin);

/* Nothing is sent to the process any more. */
void master_admin_end(struct master_admin *admin);

#endif
