#include <errno.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"

enum { HELD_FOR = 20 /* ms */ };

void stream_unwritable(struct stream *s, int error)
{
    s->error = error;
    if (s->write < STREAM_WRITE_FIN_SENT)
        s->write = STREAM_WRITE_BROKEN;
    s->blocked = false;
    buffer_destroy(&s->out);
    stream_touch(s);
    stream_tell_end_known(s);
}

static void send_failed(struct stream *s, int error)
{
    bool by_peer = error == EPIPE || error == ECONNRESET;

    if (s->phase != STREAM_OPEN || s->read >= STREAM_READ_ENDED || !by_peer)
        stream_broken(s, error);
    else
        stream_unwritable(s, error);
}

static void send_out(struct stream *s)
{
    size_t len = buffer_len(&s->out);
    /* The FIN that follows at once travels in the last segment. */
    int flags = s->write == STREAM_WRITE_OPEN ? 0 : MSG_MORE;
    ssize_t n = fault_send(s->poller.fd, buffer_data(&s->out), len, flags);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        send_failed(s, errno);
        return;
    }
    if (n > 0)
        buffer_consume(&s->out, (size_t)n);
    if (n > 0 && stream_is_connecting(s))
        stream_opened(s); /* sooner than the loop would have told us */
    s->blocked = buffer_len(&s->out) > 0;
}

static bool may_send(const struct stream *s)
{
    return buffer_len(&s->out) > 0 && s->write != STREAM_WRITE_HELD && !s->blocked &&
        s->error == 0;
}

static void send_fin(struct stream *s)
{
    bool cut = s->write == STREAM_WRITE_CUT;

    if ((s->write != STREAM_WRITE_ENDING && !cut) || stream_is_connecting(s) ||
        buffer_len(&s->out) > 0 || (s->tls != NULL && s->phase < STREAM_OPEN && !cut))
        return;
    s->write = cut ? STREAM_WRITE_CUT_SENT : STREAM_WRITE_FIN_SENT;
    shutdown(s->poller.fd, SHUT_WR);
    s->full = true; /* so that the owner hears of it */
}

void stream_flush(struct stream *s)
{
    if (may_send(s))
        send_out(s);
    if (s->phase == STREAM_CLOSED)
        return;
    if (s->error != 0)
        buffer_clear(&s->out); /* what TLS answers by itself */
    send_fin(s);
    stream_watch(s);
    if (s->resting && buffer_len(&s->out) == 0) {
        s->resting = false;
        buffer_shrink(&s->out, 0);
    }
    if (s->full && !stream_is_closed(s) && s->error == 0 &&
        stream_unsent(s) <= STREAM_HIGH_WATER / 2) {
        s->full = false;
        s->events->drained(s);
    }
}

void stream_hold(struct stream *s)
{
    if (s->bytes_out > 0 || s->write != STREAM_WRITE_OPEN)
        return;
    s->write = STREAM_WRITE_HELD;
    loop_arm(s->loop, &s->retry_timer, HELD_FOR);
}
