#include "proxy/net/stream_wanted.h"

#include "proxy/tls/tls.h"

enum {
    CHATTER_MAX = 4 * STREAM_HIGH_WATER, /* unsent: more than any owner leaves */
};

bool stream_discards(const struct stream *s)
{
    return s->phase >= STREAM_FAILED || s->read >= STREAM_READ_CLOSE_NOTIFY;
}

bool stream_wants_read(const struct stream *s)
{
    if (stream_is_connecting(s) || s->read >= STREAM_READ_ENDED)
        return false;
    if (s->tls != NULL && tls_awaits_keys(s->tls))
        return false;
    if (stream_discards(s))
        return true;
    /* Without TLS, opened() comes first; with it, the scheduler decides. */
    if (s->phase == STREAM_HANDSHAKE)
        return s->tls != NULL && handshake_may_read(&s->handshake);
    if (s->paused || s->tls == NULL)
        return !s->paused;
    /* Bytes left over by a pause are consumed first, or they would grow with each pause.
     * TLS answers KeyUpdates by itself, so `out` is bounded against a peer that does not
     * read. */
    return !tls_has_input(s->tls) && buffer_len(&s->out) < CHATTER_MAX;
}

/* A client's end matters even when no bytes are wanted. */
bool stream_awaits_fin(const struct stream *s)
{
    return s->events->end_known != NULL && s->phase == STREAM_OPEN && s->error == 0 &&
        s->read <= STREAM_READ_FIN_KNOWN;
}

uint32_t stream_wanted_events(const struct stream *s)
{
    uint32_t events = 0;

    if (s->read == STREAM_READ_BROKEN || s->phase == STREAM_BACKLOG_FULL)
        return 0;
    if (stream_wants_read(s))
        events |= POLL_READ;
    else if (stream_awaits_fin(s))
        events |= EPOLLRDHUP;
    if (stream_is_connecting(s) || s->blocked)
        events |= POLL_WRITE;
    return events != 0 ? events : POLL_ERROR;
}
