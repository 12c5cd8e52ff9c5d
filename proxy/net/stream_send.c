#include <errno.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"

enum { HELD_FOR = 20 /* ms */ };

void stream_unwritable(struct stream *s, int error)
{
    s->error = error;
    s->unwritable = true;
    s->blocked = false;
    buffer_destroy(&s->out);
    stream_touch(s);
    stream_tell_end_known(s);
}

static void send_failed(struct stream *s, int error)
{
    bool by_peer = error == EPIPE || error == ECONNRESET;

    if (!s->open || s->fin_seen || !by_peer)
        stream_broken(s, error);
    else
        stream_unwritable(s, error);
}

static void send_out(struct stream *s)
{
    size_t len = buffer_len(&s->out);
    /* The FIN that follows at once travels in the last segment. */
    ssize_t n =
        fault_send(s->poller.fd, buffer_data(&s->out), len, s->ending ? MSG_MORE : 0);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        send_failed(s, errno);
        return;
    }
    if (n > 0)
        buffer_consume(&s->out, (size_t)n);
    if (n > 0 && s->connecting)
        stream_opened(s); /* sooner than the loop would have told us */
    s->blocked = buffer_len(&s->out) > 0;
}

static bool may_send(const struct stream *s)
{
    return buffer_len(&s->out) > 0 && !s->held && !s->blocked && !s->dead &&
        !s->unwritable;
}

static void send_fin(struct stream *s)
{
    if (!s->ending || s->fin_sent || s->dead || s->unwritable || s->connecting ||
        buffer_len(&s->out) > 0 || (s->tls != NULL && !s->open && !s->cut))
        return;
    s->fin_sent = true;
    shutdown(s->poller.fd, SHUT_WR);
    s->full = true; /* so that the owner hears of it */
}

void stream_flush(struct stream *s)
{
    if (may_send(s))
        send_out(s);
    if (s->detached)
        return;
    if (s->unwritable)
        buffer_clear(&s->out); /* what TLS answers by itself */
    send_fin(s);
    stream_watch(s);
    if (s->resting && buffer_len(&s->out) == 0) {
        s->resting = false;
        buffer_shrink(&s->out, 0);
    }
    if (s->full && !s->closed && stream_unsent(s) <= STREAM_HIGH_WATER / 2 && !s->dead &&
        !s->unwritable) {
        s->full = false;
        s->events->drained(s);
    }
}

void stream_hold(struct stream *s)
{
    if (s->bytes_out > 0 || s->ending)
        return;
    s->held = true;
    loop_arm(s->loop, &s->retry_timer, HELD_FOR);
}
