/*
 * stream_events.h - what the owner of a stream is told; all of it from the loop.
 *
 * Any of them may call any function of stream.h. After stream_close() only closed()
 * comes.
 */
#ifndef WLBPROXY_NET_STREAM_EVENTS_H
#define WLBPROXY_NET_STREAM_EVENTS_H

#include <stddef.h>

#include "proxy/base/end_reason.h"

struct stream;

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
    /* The peer's FIN has come, or a reset (then stream_error() is not 0), behind bytes
     * that cannot be told yet. For an owner with whom the end comes first; may be NULL.
     * At most once for each; the end itself is told in its turn. */
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

#endif
