/*
 * stream.h - a connection that hides whether it is TCP, a unix socket or TLS.
 *
 * A write never fails, never blocks, never calls back: it appends (encrypted), and the
 * loop sends before it sleeps. Writing is allowed before the connection is open. What the
 * owner is told is in struct stream_events.
 *
 * Three enums are its state; their arrows are the only ways to go.
 *
 * phase: how far the connection is. HANDSHAKE may be left out.
 *
 *     stream_connect()        stream_accept()
 *           |                       |
 *           v                       v
 *       CONNECTING ------------> HANDSHAKE -----> OPEN    opened() is told
 *         |    ^                  ^   |            |
 *         v    |                  |   |            |
 *       BACKLOG_FULL -------------+   |            |
 *           |                         v            |
 *           +---------------------> FAILED <-------+      failed() is told
 *                                     |
 *                                     v
 *                                 LINGERING   stream_close(), and the peer still has to
 *                                     |       read an alert
 *                                     v
 *       any phase, stream_close() -> CLOSED   closed() follows from the loop
 *
 * read side: how far the peer's end is. A step may be left out.
 *
 *     OPEN --> FIN_KNOWN --> FIN_REPORTED --> CLOSE_NOTIFY --> ENDED --> BROKEN
 *
 *     FIN_KNOWN: the kernel says that a FIN waits behind unread bytes. FIN_REPORTED: the
 *     owner has heard so by end_known(). CLOSE_NOTIFY and ENDED: close_notify() and fin()
 *     were told, each in its turn. BROKEN: the socket gives nothing more.
 *
 * write side: how far the owner's end is.
 *
 *     OPEN <--> HELD
 *       |        |
 *       +--------+--> ENDING ---> FIN_SENT
 *                |      |
 *                |      v
 *                +--> CUT ------> CUT_SENT
 *
 *     HELD: a session ticket waits for the answer, to travel with it.
 *     ENDING: close_notify and FIN follow what was written.
 *     CUT: the FIN alone does; also after TLS failed.
 *     BROKEN, from any of these but FIN_SENT and CUT_SENT, which stay: the peer takes no
 *     more bytes, `error` says why. What it sent before may still be read, unless the
 *     read side is BROKEN as well.
 */
#ifndef WLBPROXY_NET_STREAM_H
#define WLBPROXY_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/base/list.h"
#include "proxy/net/deadline.h"
#include "proxy/net/handshake_scheduler.h"
#include "proxy/net/poller.h"

struct loop;
struct stream;
struct tls;
struct tls_context; /* an SSL_CTX: SSL headers stay out of what includes this */
struct tls_info;

enum stream_phase {
    STREAM_CONNECTING,
    STREAM_BACKLOG_FULL, /* a unix socket's: connect() is called again soon */
    STREAM_HANDSHAKE, /* connected, and opened() is yet to be told; without TLS, too */
    STREAM_OPEN,
    STREAM_FAILED,
    STREAM_LINGERING,
    STREAM_CLOSED,
};

enum stream_read_side {
    STREAM_READ_OPEN,
    STREAM_READ_FIN_KNOWN,
    STREAM_READ_FIN_REPORTED,
    STREAM_READ_CLOSE_NOTIFY,
    STREAM_READ_ENDED,
    STREAM_READ_BROKEN,
};

enum stream_write_side {
    STREAM_WRITE_OPEN,
    STREAM_WRITE_HELD,
    STREAM_WRITE_ENDING,
    STREAM_WRITE_CUT,
    STREAM_WRITE_FIN_SENT,
    STREAM_WRITE_CUT_SENT,
    STREAM_WRITE_BROKEN,
};

/* What the owner is told; all of it from the loop. Any of them may call any function
 * below. After stream_close() only closed() comes. */
struct stream_events {
    void (*opened)(struct stream *s); /* connected, handshake done */
    /* May come many times for one read from the network; after stream_pause() it comes no
     * more until stream_resume() (what was read already and not yet delivered is kept,
     * bounded by one read, and delivered on resume). */
    void (*data)(struct stream *s, const char *bytes, size_t len);
    /* After stream_write() said false: room again. After stream_end() or stream_cut():
     * everything, the FIN too, is with the kernel. */
    void (*drained)(struct stream *s);
    /* How the peer ends, each in its turn: after the bytes that came before it. TLS: no
     * more data; its FIN may follow. NULL where there is no TLS. */
    void (*close_notify)(struct stream *s);
    void (*fin)(struct stream *s); /* with TLS, without close_notify before it: a cut */
    /* The kernel has the peer's FIN or its reset (then stream_error() is not 0), while
     * bytes before it are still unread. It comes early, for an owner that gives up at
     * once; fin() or failed() follows behind those bytes. Once for each; may be NULL. */
    void (*end_known)(struct stream *s);
    /* Broken, after the bytes that came before. An accepted stream says CLIENT_RESET,
     * CLIENT_GONE (timed out), HANDSHAKE_FAILED, TLS_ERROR, TLS_FLOOD or PLAIN_HTTP; a
     * connecting one BACKEND_REFUSED, later BACKEND_GONE. `detail` is for the log,
     * borrowed; stream_error() has the errno. The owner must stream_close() (now or
     * later); until then fin() may still come, data() not.
     *
     * TLS failed: the alert is on its way, a FIN behind it; stream_close() then waits up
     * to a second for the peer to have read it. PLAIN_HTTP: from here on the stream is
     * plain, so that stream_write() and stream_end() answer in the clear; what the peer
     * still sends is thrown away. */
    void (*failed)(struct stream *s, enum end_reason reason, const char *detail);
    /* Exactly once, last: memory is the owner's again. */
    void (*closed)(struct stream *s);
};

/* Embedded in its owner; the fields are stream*.c's own. */
struct stream {
    const struct stream_events *events;
    struct loop *loop;
    struct poller poller;
    struct tls *tls; /* NULL: plain */
    enum stream_phase phase;
    enum stream_read_side read;
    enum stream_write_side write;
    int error; /* errno of what broke the write side or both, or 0 */
    const struct sockaddr *address; /* to connect to; NULL: accepted */
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
    /* Each of these is independent of the three enums and of the others. */
    bool paused; /* the owner's wish, however far the peer's end is */
    bool full; /* the owner has yet to hear drained(); after the FIN, too */
    bool blocked; /* the kernel took no more bytes, until it reports room */
    bool resting; /* an idle owner: `out` gives its memory back once it is sent */
    bool more; /* the last read took all it could: not all there was, perhaps */
    bool urgent; /* out-of-band data came: a short read is not all there is */
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
/* All that was written, and the FIN behind it, is with the kernel. */
bool stream_has_sent_fin(const struct stream *s);
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

/* The address that the peer connected to; false: it cannot be had. */
bool stream_local_address(const struct stream *s, struct sockaddr_storage *address);

/* Gives back memory an idle connection does not need, now and when all is sent. */
void stream_idle(struct stream *s);

#endif
