/*
 * idle_connections.h - a service's idle connections to its backends. Pure bookkeeping:
 * the caller that puts a connection in takes it out or closes it.
 */
#ifndef WLBPROXY_SESSION_IDLE_CONNECTIONS_H
#define WLBPROXY_SESSION_IDLE_CONNECTIONS_H

#include <stdbool.h>

#include "proxy/base/list.h"

struct idle_connections {
    struct list list; /* links of the connections, the oldest first */
    unsigned count;
    bool retired; /* takes no more: its generation is no longer the current one */
};

void idle_connections_init(struct idle_connections *idle);
void idle_connections_destroy(struct idle_connections *idle); /* call it when they have
                                                               * all gone */

void idle_connections_put(struct idle_connections *idle, struct list *link);
void idle_connections_remove(struct idle_connections *idle, struct list *link);

#endif
