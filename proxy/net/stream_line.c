#include <sys/socket.h>

#include "proxy/net/loop.h"
#include "proxy/net/stream_io.h"
#include "proxy/net/tls.h"

enum { HELLO_MAX = 4096 }; /* bytes looked at */

void stream_queue(struct stream *s, struct list *list)
{
    stream_unhush(s);
    if (!list_empty(&s->queued))
        return;
    list_append(list, &s->queued);
    s->queued_at = loop_now(s->loop);
    loop_again(s->loop);
}

/* Whose greeting is mostly kept needs no other warrant. */
static void look_at_greeting(struct stream *s)
{
    unsigned char *bytes = (unsigned char *)s->loop->read_buffer;
    ssize_t len = recv(s->watch.fd, bytes, HELLO_MAX, MSG_PEEK | MSG_DONTWAIT);

    if (len <= 0)
        return;
    s->greeting = (uint16_t)greeting_of(bytes, (size_t)len);
    if (greetings_are_kept(&s->loop->greetings, s->greeting))
        s->rank = 0;
}

void stream_queue_handshake(struct stream *s)
{
    if (s->rank > 0 && tls_is_untouched(s->tls))
        look_at_greeting(s);
    stream_queue(
        s, tls_is_answered(s->tls) ? &s->loop->answered : &s->loop->hellos[s->rank]);
}

bool stream_is_proved(const struct stream *s)
{
    return s->rank == 0 || stream_is_answered(s);
}

static bool is_the_peers_turn(const struct stream *s)
{
    return s->tls != NULL && !s->open && !s->closed && !s->failed && !s->detached &&
        list_empty(&s->queued);
}

void stream_hush(struct stream *s)
{
    if (!is_the_peers_turn(s))
        return;
    s->silent = true;
    s->loop->silents++;
    list_append(&s->loop->silent, &s->queued);
}

void stream_unhush(struct stream *s)
{
    if (!s->silent)
        return;
    s->silent = false;
    s->loop->silents--;
    list_remove(&s->queued);
}

static struct stream *first_queued(const struct list *list)
{
    return list_empty(list) ? NULL : container_of(list->next, struct stream, queued);
}

struct stream *stream_next_silent(const struct loop *loop, const struct stream *s)
{
    const struct list *node = s != NULL ? &s->queued : &loop->silent;

    return node->next != &loop->silent ? container_of(node->next, struct stream, queued)
                                       : NULL;
}

uint32_t stream_silents(const struct loop *loop)
{
    return loop->silents;
}

uint64_t stream_keeps_us_waiting(const struct stream *s)
{
    return loop_now(s->loop) - s->peers_turn;
}

bool stream_is_answered(const struct stream *s)
{
    return s->tls != NULL && tls_is_answered(s->tls);
}

uint64_t stream_longest_wait(const struct loop *loop, unsigned ranks)
{
    uint64_t since = loop_now(loop);

    for (unsigned rank = 0; rank < ranks; rank++) {
        const struct stream *s = first_queued(&loop->hellos[rank]);

        if (s != NULL && s->queued_at < since)
            since = s->queued_at;
    }
    return loop_now(loop) - since;
}

struct stream *stream_last_rank(const struct loop *loop)
{
    struct stream *s = NULL;

    for (unsigned rank = LOOP_RANKS - 1; rank > 0 && s == NULL; rank--)
        s = first_queued(&loop->hellos[rank]);
    return s;
}
