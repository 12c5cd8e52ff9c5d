#include <errno.h>
#include <string.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

void stream_fail(struct stream *s, enum end_reason reason, const char *detail)
{
    if (s->failed || s->closed)
        return;
    s->failed = true;
    s->held = false;
    handshake_stops_awaiting_peer(&s->loop->handshakes, &s->handshake);
    stream_touch(s);
    s->events->failed(s, reason, detail);
}

/* Of one that broke, too: its owner may wait for the peer's end. */
void stream_tell_fin(struct stream *s)
{
    if (s->fin_told || s->closed)
        return;
    s->fin_told = true;
    stream_touch(s);
    s->events->fin(s);
}

void stream_tell_end_known(struct stream *s)
{
    if (s->events->end_known != NULL && !s->failed && !s->closed)
        s->events->end_known(s);
}

enum end_reason stream_reason(const struct stream *s, bool was_connecting)
{
    if (was_connecting)
        return END_BACKEND_REFUSED;
    if (!s->accepted)
        return END_BACKEND_GONE;
    return s->error == ECONNRESET || s->error == EPIPE ? END_CLIENT_RESET
                                                       : END_CLIENT_GONE;
}

void stream_broken(struct stream *s, int error)
{
    bool was_connecting = s->connecting;

    s->error = s->error != 0 ? s->error : error;
    s->dead = true;
    s->connecting = s->blocked = false;
    buffer_destroy(&s->out);
    stream_ignore(s);
    if (s->closed)
        stream_detach(s);
    else if (s->failed)
        stream_tell_fin(s);
    else
        stream_fail(s, stream_reason(s, was_connecting), strerror(s->error));
}

void stream_tls_over(struct stream *s, enum end_reason reason)
{
    bool in_handshake = !s->open && reason == END_TLS_ERROR;

    s->ending = s->cut = s->final_alert = true;
    stream_fail(s, in_handshake ? END_HANDSHAKE_FAILED : reason, tls_error(s->tls));
}

void stream_plain_http(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
    s->open = s->final_alert = true;
    buffer_destroy(&s->early); /* was meant for a client of ours */
    stream_fail(s, END_PLAIN_HTTP, "plain HTTP on the TLS port");
}

void stream_detach(struct stream *s)
{
    if (s->detached)
        return;
    s->detached = s->dead = true;
    deadline_disarm(&s->retry_timer);
    list_remove(&s->unflushed);
    list_remove(&s->told_later);
    handshake_over(&s->loop->handshakes, &s->handshake);
    buffer_destroy(&s->out);
    buffer_destroy(&s->early);
    poller_close(&s->loop->pollers, &s->poller);
}
