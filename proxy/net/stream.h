/*
 * stream.h - a connection that hides whether it is TCP, a unix socket or TLS.
 *
 * A write never fails, never blocks, never calls back: it appends (encrypted), and the
 * loop sends before it sleeps. Writing is allowed before the connection is open. Any
 * callback may call any function here, stream_close() too; memory lives until closed(),
 * which comes exactly once, last, and never from inside another call. Nothing is called
 * after a stream_close() but closed().
 */
#ifndef WLBPROXY_NET_STREAM_H
#define WLBPROXY_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <uv.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/base/list.h"
#include "proxy/net/deadline.h"

struct loop;
struct stream;
struct tls;
struct tls_context; /* an SSL_CTX: SSL headers stay out of what includes this */
struct tls_facts;

/* What the owner is told. `data` may come many times for one read from the network; after
 * stream_pause() it comes no more until stream_resume() (what was read already and not
 * yet delivered is kept, bounded by one read, and delivered on resume). */
struct stream_events {
    void (*opened)(struct stream *s); /* connected, handshake done */
    void (*data)(struct stream *s, const char *bytes, size_t len);
    /* After stream_write() said false: room again. After stream_end() or stream_cut():
     * everything, the FIN too, is with the kernel. */
    void (*drained)(struct stream *s);
    void (*ended)(struct stream *s); /* close_notify, or FIN without TLS: no more data */
    /* Broken. An accepted stream says CLIENT_GONE (FIN without close_notify; not after
     * our own end, where it counts as ended), CLIENT_RESET, HANDSHAKE_FAILED, TLS_ERROR,
     * TLS_FLOOD or PLAIN_HTTP; a connecting one BACKEND_REFUSED, later BACKEND_GONE.
     * `detail` is for the log, borrowed; stream_error() has the errno. The owner must
     * stream_close() (now or later); until then ended() may still come, data() not.
     *
     * TLS failed: the alert is on its way, a FIN behind it; stream_close() then waits up
     * to a second for the peer to have read it. PLAIN_HTTP: from here on the stream is
     * plain, so that stream_write() and stream_end() answer in the clear; what the peer
     * still sends is thrown away. */
    void (*failed)(struct stream *s, enum end_reason reason, const char *detail);
    void (*closed)(struct stream *s); /* memory is the owner's again */
};

/* Embedded in its owner; the fields are stream.c's own. */
struct stream {
    const struct stream_events *events;
    struct loop *loop;
    uv_poll_t poll;
    int fd;
    int watched; /* what the poll handle waits for: UV_READABLE, ... */
    int error; /* errno of what broke it, or 0 */
    struct tls *tls; /* NULL: plain */
    struct buffer out; /* bytes for the socket */
    struct buffer early; /* plaintext written before a TLS handshake was done */
    struct list unflushed; /* in loop->unflushed */
    struct list queued; /* in loop->handshakes, ->awaiting_keys or ->ready */
    struct deadline linger;
    uint64_t bytes_in, bytes_out; /* plaintext */
    const char *problem; /* to be told from the loop */
    bool accepted, connecting, open, paused, full, blocked, resting;
    bool peer_ended, fin_seen, ending, cut, fin_sent; /* each side's end */
    bool failed, dead; /* told the owner; the socket is of no use any more */
    bool unwritable; /* the peer takes no more; what it sent may still be read */
    bool last_words; /* an alert that the peer ought to read */
    bool urgent; /* out-of-band data: errors cannot be waited for alone */
    bool closed, detached; /* by the owner; from the loop */
};

/* Unsent bytes at which stream_write() says false: low enough that both directions, a
 * read more each and what a paused stream keeps stay below 256 KiB together. */
enum { STREAM_HIGH_WATER = 48 * 1024 };

/* Takes over fd (non-blocking, accepted). context NULL: plain, opened() at once (but from
 * the loop, not from inside). Else the server side of TLS. */
void stream_accept(struct stream *s, struct loop *loop,
    const struct stream_events *events, int fd, struct tls_context *context);

/* An accepted client that has not said a byte yet shakes hands under another context. False,
 * and nothing changes, if it has. */
bool stream_restart_tls(struct stream *s, struct tls_context *context);

/* Begins a connection; opened() or failed() follow from the loop. */
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

/* Why it broke, an errno; 0 if it did not, or not in the socket. */
int stream_error(const struct stream *s);

/* Bytes written but not yet taken by the kernel. */
size_t stream_unsent(const struct stream *s);
bool stream_is_tls(const struct stream *s);

/* For logs; NULL without TLS. Borrowed, as of now. */
const struct tls_facts *stream_tls_facts(struct stream *s);

/* Gives back memory an idle connection does not need, now and when all is sent. */
void stream_idle(struct stream *s);

#endif
