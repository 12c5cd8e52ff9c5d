/*
 * master_admin.h - the master's side of the admin address: opens its socket, keeps one
 * wlbproxy-admin alive, and tells it the status when it asks.
 *
 * Serving matters more than being asked about it: an address that cannot be had is
 * logged, and tried again now and then.
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
    /* The owner's to set, and borrowed. */
    const struct supervisor *workers; /* of whose program and loop it is */
    struct reload *reload; /* what is served says the address */
    const struct identity *identity; /* whose the process is to be */
    struct status *status; /* that it asks */
    const struct successor *successor; /* which waits for the address */
    /* its own */
    struct supervisor supervisor; /* no slots before it is first configured */
    struct sockets sockets; /* of the address, */
    struct control_path path; /* or of a path: */
    int path_fd; /* -1: none */
    char *address; /* as configured, once open; NULL: it is not */
    bool failure_told;
    bool over; /* the master drains */
    struct status_waiter waiter; /* linked: the process waits for an answer */
};

void master_admin_init(struct master_admin *admin);

/* Something is served now: does it say another address, or could the present one not be
 * had so far? */
void master_admin_update(struct master_admin *admin);

/* Nobody is told anything any more. */
void master_admin_end(struct master_admin *admin);

#endif
