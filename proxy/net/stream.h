/*
 * stream.h - a connection that hides whether it is TCP, a unix socket or TLS.
 *
 * A write never fails, never blocks, never calls back: it appends (encrypted), and the
 * loop sends before it sleeps. Writing is allowed before the connection is open. The
 * owner gets the events of struct stream_events.
 *
 * Three enums are its state; the arrows are the only transitions.
 *
 * phase: the stage of the connection. HANDSHAKE may be left out, unless it is that of
 * TLS.
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
 * read side: the stage of the peer's end. A step may be left out.
 *
 *     OPEN --> FIN_KNOWN --> FIN_REPORTED --> CLOSE_NOTIFY --> ENDED --> BROKEN
 *
 *     FIN_KNOWN: the kernel says that a FIN waits behind unread bytes. FIN_REPORTED: the
 *     owner was told by end_known(). CLOSE_NOTIFY: close_notify() was called. ENDED:
 *     fin() was called. BROKEN: the socket gives nothing more.
 *
 * write side: the stage of the owner's end.
 *
 *     OPEN <--> HELD
 *       |        |
 *       +--------+--> ENDING ---> FIN_SENT
 *                |      |
 *                |      v
 *                +--> CUT ------> CUT_SENT
 *
 *     HELD: a session ticket waits for the answer, to travel with it.
 *     ENDING: close_notify and FIN follow the bytes written.
 *     CUT: the FIN alone does; also after TLS failed.
 *     BROKEN, from any of these but FIN_SENT and CUT_SENT, which stay: the peer takes no
 *     more bytes, `error` says why. Bytes that it sent before may still be read, unless
 *     the read side is BROKEN as well.
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
struct tls_context; /* an SSL_CTX: this header does not include OpenSSL's */
struct tls_info;

enum stream_phase {
    STREAM_CONNECTING,
    STREAM_BACKLOG_FULL, /* unix sockets: connect() is called again soon */
    STREAM_HANDSHAKE, /* connected, and opened() is still to come; also without TLS */
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

/* The owner's callbacks, all called from the loop. Each may call any function below.
 * After stream_close() only closed() comes. */
struct stream_events {
    void (*opened)(struct stream *s); /* connected, and the handshake is done */
    /* May come many times for one read from the network. After stream_pause() it comes no
     * more until stream_resume(); bytes already read, at most those of one read, are kept
     * and delivered on resume. */
    void (*data)(struct stream *s, const char *bytes, size_t len);
    /* After stream_write() returned false: there is room again. After stream_end() or
     * stream_cut(): the kernel has all bytes and the FIN. */
    void (*drained)(struct stream *s);
    /* The peer's end, each part after the bytes before it. TLS: no more data; its FIN may
     * follow. NULL where there is no TLS. */
    void (*close_notify)(struct stream *s);
    void (*fin)(struct stream *s); /* with TLS and no close_notify before it: a cut */
    /* The kernel has the peer's FIN or its reset (then stream_error() is not 0), while
     * bytes before it are still unread. It comes early, for an owner that gives up at
     * once; fin() or failed() follows behind those bytes. Once for each; may be NULL. */
    void (*end_known)(struct stream *s);
    /* Broken, after the bytes that came before. An accepted stream reports CLIENT_RESET,
     * CLIENT_GONE (timed out), HANDSHAKE_FAILED, TLS_ERROR, TLS_FLOOD or PLAIN_HTTP; a
     * connecting one BACKEND_REFUSED, later BACKEND_GONE, and HANDSHAKE_FAILED, TLS_ERROR
     * or TLS_FLOOD. `detail` is for the log, borrowed; stream_error() has the errno. The
     * owner must stream_close() (now or later); until then fin() may still come, data()
     * not.
     *
     * TLS failed: the alert is on its way, a FIN behind it; stream_close() then waits up
     * to a second for the peer to have read it. PLAIN_HTTP: from here on the stream is
     * plain, so that stream_write() and stream_end() answer in the clear; further bytes
     * of the peer are discarded. */
    void (*failed)(struct stream *s, enum end_reason reason, const char *detail);
    /* Exactly once, and last: the memory is the owner's again. */
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
    int error; /* errno that broke the write side or both, or 0 */
    const struct sockaddr *address; /* to connect to; NULL: accepted */
    socklen_t address_len;
    struct buffer out; /* bytes for the socket */
    struct buffer early; /* plaintext written before a TLS handshake was done */
    struct list unflushed; /* in loop->unflushed */
    struct list told_later; /* in loop->to_tell */
    struct scheduled_handshake handshake; /* of TLS, until it is open */
    /* For bytes held back, for a final alert, for a full backlog. */
    struct deadline retry_timer;
    uint64_t bytes_in, bytes_out; /* plaintext */
    const char *problem; /* to be reported from the loop */
    uint8_t close_notify_len; /* its bytes of TLS; 0: none was written */
    /* Each of these is independent of the three enums and of the others. */
    bool paused; /* the owner's wish, however far the peer's end is */
    bool full; /* the owner waits for drained(); after the FIN, too */
    bool blocked; /* the kernel took only a part, and has not yet reported room */
    bool resting; /* an idle owner: `out` frees its memory once it is sent */
    bool more; /* the last read filled its buffer: there may be more */
    bool urgent; /* out-of-band data came: a short read does not mean that nothing is
                  * left */
};

/* At so many unsent bytes stream_write() returns false: each direction stays below 192
 * KiB. */
enum { STREAM_HIGH_WATER = 48 * 1024 };

/* Takes over fd (non-blocking, accepted). With a context: the server side of TLS. */
void stream_accept(struct stream *s, struct loop *loop,
    const struct stream_events *events, int fd, struct tls_context *context);

/* Sets the class of its ClientHello, see handshake_scheduler.h; call it right after
 * stream_accept(). The default is 0, the first. */
void stream_set_priority(struct stream *s, unsigned priority);

/* An accepted client that has sent nothing yet will make its handshake under another
 * context. False, and nothing changes, if it has sent a byte. */
bool stream_restart_tls(struct stream *s, struct tls_context *context);

/* Begins a connection; opened() or failed() follow from the loop. A unix socket with a
 * full backlog is tried again until the owner closes. `address` is borrowed until
 * then. */
void stream_connect(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len);

/* The same with the client side of TLS as soon as it is connected (tls_client());
 * opened() comes when its handshake is done. */
void stream_connect_tls(struct stream *s, struct loop *loop,
    const struct stream_events *events, const struct sockaddr *address, socklen_t len,
    struct tls_context *context, const char *name);

/* Writes in the clear, before all else, even TLS. Called right after stream_connect() or
 * stream_connect_tls(). */
void stream_write_clear(struct stream *s, const char *bytes, size_t len);

/* Takes all of it. False is advice: stop until drained(). Does nothing (true) after end
 * or close. */
bool stream_write(struct stream *s, const char *bytes, size_t len);
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Delivers the bytes written, then close_notify and FIN (FIN without TLS). Reading
 * continues until the peer ends, too. */
void stream_end(struct stream *s);

/* Delivers the bytes written, then FIN *without* close_notify: the peer sees a cut. */
void stream_cut(struct stream *s);

/* Closes now: unsent bytes are lost. Idempotent. */
void stream_close(struct stream *s);
void stream_reset(struct stream *s); /* the same, and the peer sees a reset */
/* The same, and a peer of TLS that has got all so far is told by close_notify that
 * nothing is missing. */
void stream_leave(struct stream *s);
/* Call it after end_known() for a FIN. True: the unread bytes before the FIN contain no
 * close_notify. False: they may, or it is unknown. */
bool stream_fin_is_bare(const struct stream *s);
/* Returns whether the kernel has all bytes written, and the FIN behind them. */
bool stream_has_sent_fin(const struct stream *s);
/* An errno; 0 if the stream is not broken, or not by the socket. */
int stream_error(const struct stream *s);

/* The first returns the bytes that the kernel has not taken yet. The second adds those
 * that the peer has not acknowledged, which takes a system call. */
size_t stream_unsent(const struct stream *s);
size_t stream_undelivered(const struct stream *s);
/* Returns how many of the bytes sent are our end: close_notify, and the FIN, which the
 * kernel counts as one. They are behind all others. */
size_t stream_end_len(const struct stream *s);

bool stream_is_answered(const struct stream *s); /* its ClientHello has been answered */

/* In this iteration there are neither bytes nor an end that were not reported yet. */
bool stream_is_quiet(const struct stream *s);

bool stream_has_tls(const struct stream *s);
/* Connected, and the handshake of TLS is not done. */
bool stream_is_in_handshake(const struct stream *s);

/* For logs; NULL without TLS. Borrowed, and true at this moment. */
const struct tls_info *stream_tls_info(struct stream *s);

/* The address that the peer connected to; false: it is unknown. */
bool stream_local_address(const struct stream *s, struct sockaddr_storage *address);

/* Frees memory that an idle connection does not need, now and when all is sent. */
void stream_idle(struct stream *s);

#endif
