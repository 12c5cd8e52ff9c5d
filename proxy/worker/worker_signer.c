#include "proxy/worker/worker_signer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/crypto/engine.h"
#include "proxy/crypto/signing_remote.h"
#include "proxy/crypto/signing_wire.h"
#include "proxy/net/loop.h"

enum { RETRY_AFTER = 20, LOST_AFTER = 1000 /* ms */ };

/* After an error the socket is as ready as before. Only time ends a shortage of
 * memory. */
static void back_off_after(struct worker_signer *s, int error)
{
    if (error == EAGAIN || error == EINTR)
        return;
    (void)poller_for(&s->loop->pollers, &s->poller, 0);
    loop_arm(s->loop, &s->retry, RETRY_AFTER);
}

static void watch(struct worker_signer *s)
{
    uint32_t events = EPOLLIN | (s->blocked ? POLL_WRITE : 0);
    int error = poller_for(&s->loop->pollers, &s->poller, events);

    if (error != 0)
        back_off_after(s, error);
}

/* Sends all pending requests, mostly in one datagram. */
static void flush(void *owner)
{
    static struct signing_writer w;
    struct worker_signer *s = owner;
    bool was_blocked = s->blocked;

    if (s->poller.fd < 0 || deadline_is_armed(&s->retry))
        return;
    s->blocked = false;
    while (!s->blocked && signing_remote_has_unsent()) {
        w.len = w.count = 0;
        signing_remote_take(&w);
        if (w.count == 0)
            break; /* as many are with the signer as may be */
        if (send(s->poller.fd, w.bytes, w.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            s->blocked = true; /* or the signer has gone, which is an event as well */
            back_off_after(s, errno);
            signing_remote_not_sent(&w);
        }
    }
    if (s->blocked != was_blocked && !deadline_is_armed(&s->retry))
        watch(s);
}

static void on_retry(struct deadline *retry)
{
    struct worker_signer *s = container_of(retry, struct worker_signer, retry);

    if (s->poller.fd < 0) {
        loop_arm(s->loop, &s->retry, LOST_AFTER);
        s->lost(s->owner);
        return;
    }
    watch(s);
    flush(s);
}

static void start(struct worker_signer *s, int fd)
{
    s->blocked = false;
    s->open = true;
    deadline_disarm(&s->retry);
    poller_open(&s->loop->pollers, &s->poller, fd);
    watch(s);
    flush(s);
}

static void on_closed(struct poller *poller)
{
    struct worker_signer *s = container_of(poller, struct worker_signer, poller);
    int next = s->next;

    s->open = false;
    s->next = -1;
    if (next >= 0)
        start(s, next);
}

static void leave(struct worker_signer *s)
{
    if (s->poller.fd < 0)
        return;
    deadline_disarm(&s->retry);
    poller_close(&s->loop->pollers, &s->poller);
    signing_remote_ask_again();
}

/* An invalid answer counts as the signer's end here; the master handles it. The next
 * datagram, if there is one, is the next event. An error is not the end: the next event
 * reads again, and finds an end where there is one. */
static void on_event(struct poller *poller, uint32_t events)
{
    static unsigned char bytes[SIGNING_DATAGRAM_MAX];
    struct worker_signer *s = container_of(poller, struct worker_signer, poller);

    if ((events & POLL_WRITE) != 0)
        flush(s);
    ssize_t len = recv(s->poller.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (len < 0)
        back_off_after(s, errno);
    if (len < 0 || (len > 0 && signing_remote_answered(bytes, (size_t)len)))
        return;
    log_warning("event=signer_gone text=\"handshakes wait for the next one\"");
    worker_signer_lose(s);
}

void worker_signer_init(
    struct worker_signer *s, struct loop *loop, void (*lost)(void *owner), void *owner)
{
    *s = (struct worker_signer){.loop = loop,
        .lost = lost,
        .owner = owner,
        .next = -1,
        .poller = {.happened = on_event, .closed = on_closed, .fd = -1}};
    deadline_init(&s->retry, on_retry);
    engine_flush_by(flush, s);
}

void worker_signer_use(struct worker_signer *s, int fd)
{
    leave(s);
    if (!s->open) {
        start(s, fd);
        return;
    }
    if (s->next >= 0)
        close(s->next);
    s->next = fd;
}

void worker_signer_lose(struct worker_signer *s)
{
    leave(s);
    loop_arm(s->loop, &s->retry, LOST_AFTER);
}

void worker_signer_close(struct worker_signer *s)
{
    engine_flush_by(NULL, NULL);
    deadline_disarm(&s->retry);
    leave(s);
    if (s->next >= 0)
        close(s->next);
    s->next = -1;
}
