#include <sys/socket.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/tls/tls.h"

enum { HELLO_MAX = 4096 }; /* bytes looked at */

void stream_queue(struct stream *s, struct list *list)
{
    stream_peer_answered(s);
    if (!list_empty(&s->queued))
        return;
    list_append(list, &s->queued);
    s->queued_at = loop_now(s->loop);
    loop_again(s->loop);
}

/* Whose fingerprint is mostly kept needs no other warrant. */
static void look_at_fingerprint(struct stream *s)
{
    unsigned char *bytes = (unsigned char *)s->loop->read_buffer;
    ssize_t len = recv(s->poller.fd, bytes, HELLO_MAX, MSG_PEEK | MSG_DONTWAIT);

    if (len <= 0)
        return;
    s->fingerprint = (uint16_t)fingerprint_of(bytes, (size_t)len);
    if (fingerprints_complete(&s->loop->fingerprints, s->fingerprint))
        s->priority = 0;
}

void stream_queue_handshake(struct stream *s)
{
    if (s->priority > 0 && tls_is_untouched(s->tls))
        look_at_fingerprint(s);
    stream_queue(
        s, tls_is_answered(s->tls) ? &s->loop->answered : &s->loop->hellos[s->priority]);
}

bool stream_is_verified(const struct stream *s)
{
    return s->priority == 0 || stream_is_answered(s);
}

static bool is_the_peers_turn(const struct stream *s)
{
    return s->tls != NULL && !s->open && !s->closed && !s->failed && !s->detached &&
        list_empty(&s->queued);
}

void stream_await_peer(struct stream *s)
{
    if (!is_the_peers_turn(s))
        return;
    s->awaiting_peer = true;
    s->loop->awaiting_peer_count++;
    list_append(&s->loop->awaiting_peer, &s->queued);
}

void stream_peer_answered(struct stream *s)
{
    if (!s->awaiting_peer)
        return;
    s->awaiting_peer = false;
    s->loop->awaiting_peer_count--;
    list_remove(&s->queued);
}

static struct stream *first_queued(const struct list *list)
{
    return list_empty(list) ? NULL : container_of(list->next, struct stream, queued);
}

struct stream *stream_next_awaiting_peer(const struct loop *loop, const struct stream *s)
{
    const struct list *node = s != NULL ? &s->queued : &loop->awaiting_peer;

    return node->next != &loop->awaiting_peer
        ? container_of(node->next, struct stream, queued)
        : NULL;
}

uint32_t stream_awaiting_peer_count(const struct loop *loop)
{
    return loop->awaiting_peer_count;
}

uint64_t stream_awaiting_peer_ms(const struct stream *s)
{
    return loop_now(s->loop) - s->peers_turn;
}

bool stream_is_answered(const struct stream *s)
{
    return s->tls != NULL && tls_is_answered(s->tls);
}

uint64_t stream_longest_wait(const struct loop *loop, unsigned priorities)
{
    uint64_t since = loop_now(loop);

    for (unsigned priority = 0; priority < priorities; priority++) {
        const struct stream *s = first_queued(&loop->hellos[priority]);

        if (s != NULL && s->queued_at < since)
            since = s->queued_at;
    }
    return loop_now(loop) - since;
}

struct stream *stream_lowest_priority(const struct loop *loop)
{
    struct stream *s = NULL;

    for (unsigned priority = LOOP_PRIORITIES - 1; priority > 0 && s == NULL; priority--)
        s = first_queued(&loop->hellos[priority]);
    return s;
}
