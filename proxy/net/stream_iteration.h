/*
 * stream_iteration.h - the work of one iteration of the loop for its streams, before it
 * waits for events.
 */
#ifndef WLBPROXY_NET_STREAM_ITERATION_H
#define WLBPROXY_NET_STREAM_ITERATION_H

#include <stdbool.h>

struct handshake_environment;
struct loop;

/* Runs a stream's handshake, with the engine's key operations and uv_hrtime(). */
extern const struct handshake_environment stream_handshake_environment;

/* quiet: no event came since the last one. Returns whether work was left for the next
 * iteration; a later one is armed. */
bool streams_iterate(struct loop *loop, bool quiet);

#endif
