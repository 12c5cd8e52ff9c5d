/*
 * iteration.h - runs a loop.
 *
 * An iteration begins where the last one's events have ended: every stream with unsent
 * bytes sends them in one system call; handshakes continue, for a bounded time
 * (handshake_scheduler.h); their bytes are sent. Then it waits, and handles events:
 * reads, decryption, parsing, writes that only append. Work that remains makes the wait a
 * zero wait, so that new events are handled first.
 *
 * It waits in the pollers' epoll set. libuv, which has the channels to other processes,
 * is one descriptor of that set and runs only when it has something to do.
 */
#ifndef WLBPROXY_NET_ITERATION_H
#define WLBPROXY_NET_ITERATION_H

#include "proxy/net/loop.h"

void loop_init(struct loop *loop);
void loop_destroy(struct loop *loop); /* after the last handle has closed */
void loop_run(struct loop *loop); /* until loop_stop() or nothing is left */
void loop_stop(struct loop *loop);
/* One iteration, which waits for the next event or deadline if it may; for tests. */
void loop_iterate(struct loop *loop, bool may_wait);

#endif
