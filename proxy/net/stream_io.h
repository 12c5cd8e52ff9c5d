/*
 * stream_io.h - the inside of a stream: receiving, sending and waiting.
 *
 * Used by stream.c, which begins and ends a stream for its owner, and by
 * iteration.c, which runs it in each iteration.
 */
#ifndef WLBPROXY_NET_STREAM_IO_H
#define WLBPROXY_NET_STREAM_IO_H

#include "proxy/net/stream.h"

void stream_attach(struct stream *s, int fd); /* -1: never had a socket */
void stream_detach(struct stream *s); /* takes the socket away; closed() follows */
void stream_broken(struct stream *s, int error); /* the socket is of no more use */

/* Called from an iteration of the loop, never from inside a call of the owner's. */
void stream_read(struct stream *s);
void stream_decrypt(struct stream *s);
void stream_tell(struct stream *s); /* reports the events that were put off: see struct
                                     * loop.to_tell */
void stream_flush(struct stream *s);
void stream_close_notify(struct stream *s); /* writes it; TLS is open */

/* stream_queue.c: work that is left for the loop. */

/* The stream has something to send, or waits for other events than before. */
void stream_touch(struct stream *s);
void stream_tell_later(struct stream *s); /* stream_tell(), from the loop */
/* Bytes of a handshake have come: it continues when the scheduler decides. */
void stream_queue_handshake(struct stream *s);
/* Does nothing if its handshake waits for something else. */
void stream_await_peer(struct stream *s);

#endif
