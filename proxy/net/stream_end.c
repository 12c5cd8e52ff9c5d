#include <errno.h>
#include <string.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

void stream_fail(struct stream *s, enum end_reason reason, const char *detail)
{
    if (s->phase >= STREAM_FAILED)
        return;
    s->phase = STREAM_FAILED;
    handshake_stops_awaiting_peer(&s->loop->handshakes, &s->handshake);
    stream_touch(s);
    s->events->failed(s, reason, detail);
}

void stream_tell_fin(struct stream *s)
{
    s->read = STREAM_READ_ENDED;
    stream_touch(s);
    s->events->fin(s);
}

void stream_tell_end_known(struct stream *s)
{
    if (s->events->end_known != NULL && s->phase < STREAM_FAILED)
        s->events->end_known(s);
}

enum end_reason stream_reason(const struct stream *s)
{
    if (stream_is_connecting(s))
        return END_BACKEND_REFUSED;
    if (s->address != NULL)
        return END_BACKEND_GONE;
    return s->error == ECONNRESET || s->error == EPIPE ? END_CLIENT_RESET
                                                       : END_CLIENT_GONE;
}

void stream_broken(struct stream *s, int error)
{
    bool had_ended = s->read >= STREAM_READ_ENDED;

    s->error = s->error != 0 ? s->error : error;
    s->read = STREAM_READ_BROKEN;
    if (s->write < STREAM_WRITE_FIN_SENT)
        s->write = STREAM_WRITE_BROKEN;
    s->blocked = false;
    buffer_destroy(&s->out);
    stream_ignore(s);
    if (stream_is_closed(s))
        stream_detach(s);
    else if (s->phase != STREAM_FAILED)
        stream_fail(s, stream_reason(s), strerror(s->error));
    else if (!had_ended)
        s->events->fin(s); /* the owner may wait for the peer's end */
}

void stream_tls_over(struct stream *s, enum end_reason reason)
{
    bool in_handshake = s->phase == STREAM_HANDSHAKE && reason == END_TLS_ERROR;

    if (s->write < STREAM_WRITE_CUT)
        s->write = STREAM_WRITE_CUT;
    stream_fail(s, in_handshake ? END_HANDSHAKE_FAILED : reason, tls_error(s->tls));
}

void stream_plain_http(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
    buffer_destroy(&s->early); /* was meant for a client of ours */
    stream_fail(s, END_PLAIN_HTTP, "plain HTTP on the TLS port");
}

void stream_detach(struct stream *s)
{
    if (s->phase == STREAM_CLOSED)
        return;
    s->phase = STREAM_CLOSED;
    s->read = STREAM_READ_BROKEN;
    deadline_disarm(&s->retry_timer);
    list_remove(&s->unflushed);
    list_remove(&s->told_later);
    handshake_over(&s->loop->handshakes, &s->handshake);
    buffer_destroy(&s->out);
    buffer_destroy(&s->early);
    poller_close(&s->loop->pollers, &s->poller);
}
