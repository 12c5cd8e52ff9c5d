/*
 * stream_turn.h - what one turn of the loop does for its streams before it waits.
 */
#ifndef WLBPROXY_NET_STREAM_TURN_H
#define WLBPROXY_NET_STREAM_TURN_H

#include <stdbool.h>

struct loop;

/* Returns whether work was left for the next turn. */
bool streams_turn(struct loop *loop);

#endif
