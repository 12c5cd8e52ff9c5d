/*
 * stream_io.h - the inside of a stream, for stream*.c only: what comes from its socket,
 * what goes to it, and what it waits for.
 */
#ifndef WLBPROXY_NET_STREAM_IO_H
#define WLBPROXY_NET_STREAM_IO_H

#include "proxy/net/stream.h"

/* Registers with the loop; opens when there is nothing to wait for. */
void stream_attach(struct stream *s, int fd);

/* The stream has something to send, or waits for something else than before. */
void stream_touch(struct stream *s);

/* Puts it where the loop finds it; it is in one such list at most. */
void stream_queue(struct stream *s, struct list *list);

/* From the turn of the loop, never from inside a call of the owner's. */
void stream_read(struct stream *s);
void stream_decrypt(struct stream *s);
void stream_flush(struct stream *s);
void stream_tell(struct stream *s); /* what was put off: see struct loop.ready */

/* Takes the socket away; closed() follows. */
void stream_detach(struct stream *s);
void stream_finish(struct stream *s);

#endif
