/*
 * handshake_scheduler.h - what one turn of the loop does for its streams before it waits.
 */
#ifndef WLBPROXY_NET_HANDSHAKE_SCHEDULER_H
#define WLBPROXY_NET_HANDSHAKE_SCHEDULER_H

#include <stdbool.h>

struct loop;

/* quiet: no event came since the last turn. Returns whether work was left for the next.
 */
bool handshake_scheduler_run(struct loop *loop, bool quiet);

#endif
