/*
 * stream_turn.h - what one turn of the loop does for its streams before it waits.
 */
#ifndef WLBPROXY_NET_STREAM_TURN_H
#define WLBPROXY_NET_STREAM_TURN_H

#include <stdbool.h>

struct loop;

/* quiet: no event came since the last turn. Returns whether work was left for the next.
 */
bool streams_turn(struct loop *loop, bool quiet);

#endif
