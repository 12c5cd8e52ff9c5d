/* The work that a stream leaves for the next iteration of the loop: it stands in the
 * loop's lists and in the queues of its handshake scheduler. */
#include <sys/socket.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum { HELLO_MAX = 4096 /* bytes looked at */ };

void stream_touch(struct stream *s)
{
    if (s->phase == STREAM_CLOSED || !list_empty(&s->unflushed))
        return;
    list_append(&s->loop->unflushed, &s->unflushed);
}

void stream_tell_later(struct stream *s)
{
    if (!list_empty(&s->told_later))
        return;
    list_append(&s->loop->to_tell, &s->told_later);
}

static void look_at_hello(struct stream *s)
{
    unsigned char *bytes = (unsigned char *)s->loop->read_buffer;
    ssize_t len = recv(s->poller.fd, bytes, HELLO_MAX, MSG_PEEK | MSG_DONTWAIT);

    if (len > 0)
        handshake_recognise(&s->loop->handshakes, &s->handshake, bytes, (size_t)len);
}

void stream_queue_handshake(struct stream *s)
{
    if (s->handshake.priority > 0 && tls_is_untouched(s->tls))
        look_at_hello(s);
    handshake_is_ready(&s->loop->handshakes, &s->handshake);
}

/* A backend is no client that could be shed: its time is its owner's matter. */
void stream_await_peer(struct stream *s)
{
    if (s->tls != NULL && s->phase == STREAM_HANDSHAKE && s->address == NULL)
        handshake_awaits_peer(&s->loop->handshakes, &s->handshake);
}

bool stream_is_answered(const struct stream *s)
{
    return s->handshake.answered;
}
