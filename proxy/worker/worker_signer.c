#include "proxy/worker/worker_signer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/signing_remote.h"
#include "proxy/crypto/signing_wire.h"

static void on_event(uv_poll_t *poll, int status, int events);

static void listen_for(struct worker_signer *s)
{
    uv_poll_start(&s->poll, UV_READABLE | (s->blocked ? UV_WRITABLE : 0), on_event);
}

/* Sends all pending requests, mostly in one datagram. */
static void flush(void *owner)
{
    static struct signing_writer w;
    struct worker_signer *s = owner;
    bool was_blocked = s->blocked;

    if (s->fd < 0)
        return;
    s->blocked = false;
    while (!s->blocked && signing_remote_has_unsent()) {
        w.len = w.count = 0;
        signing_remote_take(&w);
        if (w.count == 0)
            break; /* as many are with the signer as may be */
        if (send(s->fd, w.bytes, w.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            signing_remote_not_sent(&w);
            s->blocked = true; /* or the signer has gone, which is an event as well */
        }
    }
    if (s->blocked != was_blocked)
        listen_for(s);
}

static void start(struct worker_signer *s, int fd)
{
    s->fd = fd;
    s->blocked = false;
    s->poll.data = s;
    if (uv_poll_init(s->loop, &s->poll, fd) != 0)
        abort();
    s->polled = true;
    listen_for(s);
    flush(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct worker_signer *s = handle->data;
    int next = s->next;

    s->polled = false;
    s->next = -1;
    if (next >= 0)
        start(s, next);
}

static void leave(struct worker_signer *s)
{
    if (s->fd < 0)
        return;
    uv_close((uv_handle_t *)&s->poll, on_closed);
    close(s->fd);
    s->fd = -1;
    signing_remote_ask_again();
}

/* An invalid answer counts as the signer's end here; the master handles it. The next
 * datagram, if there is one, is the next event. An error is not the end: the next event
 * reads again, and finds an end where there is one. */
static void on_event(uv_poll_t *poll, int status, int events)
{
    static unsigned char bytes[SIGNING_DATAGRAM_MAX];
    struct worker_signer *s = poll->data;
    ssize_t len = -1;

    if ((events & UV_WRITABLE) != 0)
        flush(s);
    if (status == 0) {
        len = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (len < 0 || (len > 0 && signing_remote_answered(bytes, (size_t)len)))
            return;
    }
    log_warning("event=signer_gone text=\"handshakes wait for the next one\"");
    leave(s);
}

void worker_signer_init(struct worker_signer *s, uv_loop_t *loop)
{
    *s = (struct worker_signer){.loop = loop, .fd = -1, .next = -1};
    engine_flush_by(flush, s);
}

void worker_signer_use(struct worker_signer *s, int fd)
{
    leave(s);
    if (!s->polled) {
        start(s, fd);
        return;
    }
    if (s->next >= 0)
        close(s->next);
    s->next = fd;
}

void worker_signer_close(struct worker_signer *s)
{
    engine_flush_by(NULL, NULL);
    leave(s);
    if (s->next >= 0)
        close(s->next);
    s->next = -1;
}
