/*
 * stream.h - a connection that hides whether it is TCP, a unix socket or TLS.
 *
 * A write never fails, never blocks, never calls back: it appends (encrypted), and the
 * loop sends before it sleeps. Writing is allowed before the connection is open. What the
 * owner is told is in stream_events.h.
 */
#ifndef WLBPROXY_NET_STREAM_H
#define WLBPROXY_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proxy/base/buffer.h"
#include "proxy/base/list.h"
#include "proxy/net/deadline.h"
#include "proxy/net/handshake_scheduler.h"
#include "proxy/net/poller.h"
#include "proxy/net/stream_events.h"

struct loop;
struct tls;
struct tls_context; /* an SSL_CTX: SSL headers stay out of what includes this */
struct tls_info;

/* Embedded in its owner; the fields are stream*.c's own. */
struct stream {
    const struct stream_events *events;
    struct loop *loop;
    struct poller poller;
    struct tls *tls; /* NULL: plain */
    int error; /* errno of what broke it, or 0 */
    const struct sockaddr *address; /* to connect to */
    socklen_t address_len;
    struct buffer out; /* bytes for the socket */
    struct buffer early; /* plaintext written before a TLS handshake was done */
    struct list unflushed; /* in loop->unflushed */
    struct list told_later; /* in loop->to_tell */
    struct scheduled_handshake handshake; /* of TLS, until it is open */
    /* With what is held back, with a final alert, with a full backlog. */
    struct deadline retry_timer;
    uint64_t bytes_in, bytes_out; /* plaintext */
    const char *problem; /* to be told from the loop */
    bool accepted, connecting, open, paused, full, blocked, resting;
    bool turned_away; /* connecting: the backlog is full, so far */
    bool close_notify_seen, fin_known, fin_seen, ending, cut, fin_sent; /* the ends */
    bool fin_noted, fin_told; /* to the owner: that it is known; in its turn */
    bool failed, dead; /* told the owner; the socket is of no use any more */
    bool unwritable; /* the peer takes no more; what it sent may still be read */
    bool final_alert; /* an alert that the peer ought to read */
    bool more; /* the last read took all it could: not all there was, perhaps */
    bool urgent; /* out-of-band data came: a short read is not all there is */
    bool held; /* a session ticket that travels with the answer */
    bool closed, detached; /* by the owner; from the loop */
};

/* Unsent bytes at which stream_write() says false: each direction stays below 192 KiB. */
enum { STREAM_HIGH_WATER = 48 * 1024 };

/* Takes over fd (non-blocking, accepted). With a context: the server side of TLS. */
void stream_accept(struct stream *s, struct loop *loop,
    const struct stream_events *events, int fd, struct tls_context *context);

/* The class of its ClientHello, see handshake_scheduler.h. For a stream that was just
 * accepted; by default 0, the first. */
void stream_set_priority(struct stream *s, unsigned priority);

/* An accepted client that has not said a byte yet shakes hands under another context.
 * False, and nothing changes, if it has. */
bool stream_restart_tls(struct stream *s, struct tls_context *context);

/* Begins a connection; opened() or failed() follow from the loop. A unix socket with a
 * full backlog is asked again until the owner closes. `address` is borrowed until then.
 */
void stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len);

/* Takes all of it. False is advice: stop until drained(). No-op (true) after end or
 * close. */
bool stream_write(struct stream *s, const char *bytes, size_t len);
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Delivers what was written, then close_notify and FIN (FIN without TLS). Reading goes on
 * until the peer ends, too. */
void stream_end(struct stream *s);

/* Delivers what was written, then FIN *without* close_notify: the peer sees a cut. */
void stream_cut(struct stream *s);

/* Now: what is unsent is lost. Idempotent. */
void stream_close(struct stream *s);
void stream_reset(struct stream *s); /* the same, and the peer sees a reset */
/* After end_known(), which told of a FIN. True: nothing that waits before it can be a
 * close_notify. False: it may be, or there is no telling. */
bool stream_fin_is_bare(const struct stream *s);
/* An errno; 0 if it did not break, or not in the socket. */
int stream_error(const struct stream *s);

/* Bytes written but not yet taken by the kernel; and those the peer has not yet
 * acknowledged, too, which takes a system call. */
size_t stream_unsent(const struct stream *s);
size_t stream_undelivered(const struct stream *s);

bool stream_is_answered(const struct stream *s); /* its ClientHello is */

/* Neither bytes nor an end have come that were not told yet, as of this turn. */
bool stream_is_quiet(const struct stream *s);

/* For logs; NULL without TLS. Borrowed, as of now. */
const struct tls_info *stream_tls_info(struct stream *s);

/* Gives back memory an idle connection does not need, now and when all is sent. */
void stream_idle(struct stream *s);

#endif
