/*
 * stream_io.h - the inside of a stream, for stream*.c only.
 */
#ifndef WLBPROXY_NET_STREAM_IO_H
#define WLBPROXY_NET_STREAM_IO_H

#include "proxy/net/stream.h"

static inline bool stream_is_connecting(const struct stream *s)
{
    return s->phase <= STREAM_BACKLOG_FULL;
}

static inline bool stream_is_closed(const struct stream *s)
{
    return s->phase >= STREAM_LINGERING;
}

/* stream.c, stream_connect.c: how it begins. */

void stream_prepare(
    struct stream *s, struct loop *loop, const struct stream_events *events);
void stream_connect_again(struct stream *s); /* it was turned away */

/* stream_watch.c: what it waits for, derived from its state. */

void stream_attach(struct stream *s, int fd); /* -1: never had a socket */
bool stream_wants_read(const struct stream *s);
bool stream_discards(const struct stream *s); /* what comes is of no use any more */
void stream_watch(struct stream *s); /* at least for what it wants */
void stream_ignore(struct stream *s); /* nothing any more */

/* The stream has something to send, or waits for something else than before. */
void stream_touch(struct stream *s);

/* stream_iteration.c */

void stream_tell_later(struct stream *s); /* stream_tell(), from the loop */
/* Bytes of a handshake have come: it goes on when the scheduler says so. */
void stream_queue_handshake(struct stream *s);
void stream_await_peer(
    struct stream *s); /* unless its handshake waits for something else */

/* stream_receive.c. From the turn of the loop, never from inside a call of the owner's.
 */

void stream_read(struct stream *s);
void stream_decrypt(struct stream *s);
void stream_tell(struct stream *s); /* what was put off: see struct loop.to_tell */
void stream_opened(struct stream *s);
void stream_connected(struct stream *s); /* or not */
void stream_error_while_not_reading(struct stream *s);

/* stream_send.c */

void stream_flush(struct stream *s);
/* The peer takes no more: what it sent before is still read, then comes failed(). */
void stream_unwritable(struct stream *s, int error);
void stream_hold(struct stream *s); /* what is to be sent may wait for company, briefly */

/* stream_end.c: how it ends. */

void stream_fail(struct stream *s, enum end_reason reason, const char *detail);
void stream_tell_fin(struct stream *s);
void stream_tell_end_known(struct stream *s);
void stream_broken(struct stream *s, int error); /* the socket is of no more use */
void stream_tls_over(struct stream *s, enum end_reason reason);
void stream_plain_http(struct stream *s);
enum end_reason stream_reason(const struct stream *s);
void stream_detach(struct stream *s); /* takes the socket away; closed() follows */

#endif
