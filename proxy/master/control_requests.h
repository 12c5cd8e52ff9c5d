/*
 * control_requests.h - answers the requests at the control socket.
 */
#ifndef WLBPROXY_MASTER_CONTROL_REQUESTS_H
#define WLBPROXY_MASTER_CONTROL_REQUESTS_H

#include <stdbool.h>

#include "proxy/control/control_server.h"

struct drained;
struct reload;
struct status;
struct supervisor;
struct ticket_rotation;
struct upgrade;
struct worker_logs;

struct control_requests {
    struct control_server server;
    /* The sources of the answers: set by the owner, and borrowed. */
    struct reload *reload;
    struct status *status;
    struct upgrade *upgrade;
    struct supervisor *workers, *signers, *admins; /* their processes may not ask */
    struct ticket_rotation *tickets;
    struct drained *drained;
    struct worker_logs *logs;
    bool wanted; /* since control_requests_open() */
    bool failure_told;
};

void control_requests_init(struct control_requests *requests);

/* Opens the socket that was configured at the start; "off": none. A failure is logged
 * only, because serving matters more. `succeeding`: our predecessor still listens
 * there. */
void control_requests_open(struct control_requests *requests, bool succeeding);

/* Call it now and then: opens a socket that could not be opened, or whose path was
 * removed or replaced. */
void control_requests_look(struct control_requests *requests);

#endif
