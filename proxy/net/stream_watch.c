#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum {
    GONE = EPOLLERR | EPOLLHUP,
    CHATTER_MAX = 4 * STREAM_HIGH_WATER /* unsent: more than any owner leaves */
};

void stream_touch(struct stream *s)
{
    if (s->phase == STREAM_CLOSED || !list_empty(&s->unflushed))
        return;
    list_append(&s->loop->unflushed, &s->unflushed);
    loop_again(s->loop);
}

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
    if (s->phase == STREAM_HANDSHAKE) /* without TLS, opened() comes first; in a queue,
                                         its turn does */
        return s->tls != NULL && handshake_may_read(&s->handshake);
    if (s->paused || s->tls == NULL)
        return !s->paused;
    /* What a pause left over is used up first, or it would grow with each pause. And TLS
     * answers KeyUpdates by itself, whether the peer reads that or not. */
    return !tls_has_input(s->tls) && buffer_len(&s->out) < CHATTER_MAX;
}

/* Of a client its end is of interest even when nothing else is. */
static bool awaits_fin(const struct stream *s)
{
    return s->events->end_known != NULL && s->phase == STREAM_OPEN && s->error == 0 &&
        s->read <= STREAM_READ_FIN_KNOWN;
}

static uint32_t wanted_events(const struct stream *s)
{
    uint32_t events = 0;

    if (s->read == STREAM_READ_BROKEN || s->phase == STREAM_BACKLOG_FULL)
        return 0;
    if (stream_wants_read(s))
        events |= POLL_READ;
    else if (awaits_fin(s))
        events |= EPOLLRDHUP;
    if (stream_is_connecting(s) || s->blocked)
        events |= POLL_WRITE;
    return events != 0 ? events : POLL_ERROR;
}

static void watch(struct stream *s, uint32_t events)
{
    int error = poller_for(&s->loop->pollers, &s->poller, events);

    if (error != 0)
        stream_broken(s, error);
}

void stream_watch(struct stream *s)
{
    uint32_t wanted = wanted_events(s), known = s->poller.wanted;

    /* Waiting for less costs a system call: only made when something came that nobody
     * wanted. */
    if (wanted == 0 || known == 0 || (wanted != POLL_ERROR && (wanted & ~known) != 0))
        watch(s, wanted);
}

void stream_ignore(struct stream *s)
{
    (void)poller_for(&s->loop->pollers, &s->poller, 0);
}

static void read_or_queue(struct stream *s)
{
    if (s->phase == STREAM_OPEN)
        handshake_scheduler_served(&s->loop->handshakes);
    if (s->tls != NULL && s->phase == STREAM_HANDSHAKE)
        stream_queue_handshake(s);
    else
        stream_read(s);
}

static void on_happened(struct poller *w, uint32_t events)
{
    struct stream *s = container_of(w, struct stream, poller);
    uint32_t unwanted = events & (POLL_READ | POLL_WRITE);

    s->loop->events_seen = true;
    if (stream_is_connecting(s)) {
        stream_connected(s);
        return;
    }
    if (s->blocked && (events & (POLL_WRITE | GONE)) != 0) {
        s->blocked = false;
        unwanted &= ~(uint32_t)POLL_WRITE; /* unless it comes again: more may wait */
        stream_touch(s);
    }
    s->urgent |= (events & EPOLLPRI) != 0;
    if (s->read == STREAM_READ_OPEN && (events & (EPOLLRDHUP | EPOLLERR)) == EPOLLRDHUP)
        s->read = STREAM_READ_FIN_KNOWN;
    if (stream_wants_read(s) && (events & (POLL_READ | GONE)) != 0) {
        unwanted &= ~(uint32_t)POLL_READ; /* paused by it: perhaps not for long */
        read_or_queue(s);
    } else {
        if ((events & GONE) != 0)
            stream_error_while_not_reading(s);
        if (s->read == STREAM_READ_FIN_KNOWN && awaits_fin(s)) {
            s->read = STREAM_READ_FIN_REPORTED;
            stream_tell_end_known(s);
        }
    }
    if (s->phase != STREAM_CLOSED && (unwanted & ~wanted_events(s)) != 0)
        watch(s, wanted_events(s));
}

static void on_closed(struct poller *w)
{
    struct stream *s = container_of(w, struct stream, poller);

    tls_free(s->tls);
    s->tls = NULL;
    buffer_destroy(&s->out); /* tls_free() may have written to it */
    s->events->closed(s);
}

void stream_attach(struct stream *s, int fd)
{
    s->poller.happened = on_happened;
    s->poller.closed = on_closed;
    poller_open(&s->loop->pollers, &s->poller, fd);
    if (fd >= 0)
        stream_touch(s);
}
