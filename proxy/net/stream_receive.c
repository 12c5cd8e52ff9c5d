#include <errno.h>
#include <string.h>

#include "proxy/net/fault.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

void stream_opened(struct stream *s)
{
    s->phase = STREAM_OPEN;
    handshake_completed(&s->loop->handshakes, &s->handshake);
    s->blocked = false;
    if (s->tls != NULL && buffer_len(&s->early) > 0)
        tls_write(s->tls, buffer_data(&s->early), buffer_len(&s->early));
    buffer_destroy(&s->early);
    if (s->tls != NULL && s->write == STREAM_WRITE_ENDING)
        tls_end(s->tls);
    stream_touch(s);
    s->events->opened(s);
}

/* Everything tls_read() can say but plaintext; true: read on. */
static bool tls_event(struct stream *s, int event)
{
    switch (event) {
    case TLS_OPENED:
        stream_opened(s);
        return true;
    case TLS_END:
        s->read = STREAM_READ_CLOSE_NOTIFY;
        stream_touch(s);
        s->events->close_notify(s);
        return false;
    case TLS_NEED_KEYS:
        tls_keep(s->tls);
        handshake_awaits_keys(&s->loop->handshakes, &s->handshake);
        return false;
    case TLS_PLAIN_HTTP:
        stream_plain_http(s);
        return false;
    case TLS_FLOOD:
        stream_tls_over(s, END_TLS_FLOOD);
        return false;
    case TLS_FAILED:
        stream_tls_over(s, END_TLS_ERROR);
        return false;
    default: /* TLS_NEED_INPUT */
        return false;
    }
}

void stream_decrypt(struct stream *s)
{
    char *plain = s->loop->plain_buffer;
    bool was_open = s->phase == STREAM_OPEN,
         was_answered = was_open || tls_is_answered(s->tls);
    uint64_t before = s->bytes_in;
    int n;

    s->loop->keys_used |= s->phase == STREAM_HANDSHAKE;
    do {
        if (stream_discards(s))
            break;
        if (s->phase == STREAM_OPEN && s->paused) {
            tls_keep(s->tls);
            break;
        }
        n = tls_read(s->tls, plain, LOOP_READ_SIZE);
        if (n > 0) {
            s->bytes_in += (uint64_t)n;
            s->events->data(s, plain, (size_t)n);
        }
    } while (n > 0 || tls_event(s, n));
    if (!was_answered && s->tls != NULL && tls_is_answered(s->tls))
        handshake_answered(&s->loop->handshakes, &s->handshake);
    if (buffer_len(&s->out) == 0)
        return;
    /* A request came with the end of the handshake: its answer takes the ticket along. */
    if (!was_open && s->phase == STREAM_OPEN && s->bytes_in > before)
        stream_hold(s);
    stream_touch(s);
}

static void received(struct stream *s, size_t len)
{
    char *bytes = s->loop->read_buffer;

    if (stream_discards(s))
        return;
    if (s->tls != NULL) {
        tls_feed(s->tls, bytes, len);
        stream_decrypt(s);
        return;
    }
    s->bytes_in += len;
    s->events->data(s, bytes, len);
}

/* After a reset the kernel says so once, and then only that there is no more. But EPIPE
 * is what it calls a reset that came behind a FIN: that came in order. */
static bool is_end_of_broken(const struct stream *s)
{
    return s->error != 0 && s->error != EPIPE;
}

static void fin_received(struct stream *s)
{
    if (stream_is_closed(s)) {
        stream_detach(s);
        return;
    }
    if (!is_end_of_broken(s))
        stream_tell_fin(s);
    if (s->error != 0 && !stream_is_closed(s))
        stream_broken(s, s->error);
}

void stream_read(struct stream *s)
{
    if (!stream_wants_read(s))
        return;
    ssize_t n = fault_recv(s->poller.fd, s->loop->read_buffer, LOOP_READ_SIZE);
    bool fin_waits =
        s->read == STREAM_READ_FIN_KNOWN || s->read == STREAM_READ_FIN_REPORTED;

    s->more = n > 0 && (s->urgent || !fault_took_all((size_t)n, LOOP_READ_SIZE));
    if (n == 0) {
        fin_received(s);
    } else if (n > 0) {
        received(s, (size_t)n);
        /* Nothing but its FIN is left: asking for it would only cost a system call. */
        if (!s->more && fin_waits && stream_wants_read(s))
            fin_received(s);
    } else if (errno != EAGAIN && errno != EINTR) {
        stream_broken(s, errno);
    }
}

static int take_socket_error(const struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->poller.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}

void stream_connected(struct stream *s)
{
    int error = take_socket_error(s);

    if (error != 0)
        stream_broken(s, error);
    else
        stream_opened(s);
}

static bool has_untold_bytes(const struct stream *s)
{
    char byte;

    return (s->tls != NULL && tls_has_input(s->tls)) ||
        recv(s->poller.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* What the peer sent before is still good, and will be told when there is room. */
void stream_error_while_not_reading(struct stream *s)
{
    int error = take_socket_error(s);

    if (error == 0)
        return; /* both sides have ended */
    if (s->phase != STREAM_OPEN || !has_untold_bytes(s))
        stream_broken(s, error);
    else
        stream_unwritable(s, error);
}

void stream_tell(struct stream *s)
{
    if (stream_is_closed(s))
        return;
    if (s->problem != NULL && s->read == STREAM_READ_BROKEN)
        stream_fail(s, stream_reason(s), s->problem);
    else if (s->problem != NULL)
        stream_tls_over(s, END_TLS_ERROR);
    else if (s->phase == STREAM_HANDSHAKE)
        stream_opened(s);
    else if (s->tls != NULL) {
        stream_decrypt(s);
        stream_touch(s); /* to be read from again */
    }
}
