#include "proxy/session/shed.h"

#include "proxy/session/admission.h"
#include "proxy/session/client.h"

enum {
    LOOKS = 8, /* candidates examined, those that we have waited for longest */
    TIMEOUT = 200, /* ms that a peer gets after our answer to its ClientHello: with more
                    * time, many such peers would keep all others in the backlog */
    LONG_WAIT = 500, /* ms that a ClientHello has waited for us: CPU is short */
};

static const struct handshake_scheduler *handshakes_of(const struct clients *clients)
{
    return &clients->loop->handshakes;
}

static bool too_many_await_peer(const struct clients *clients)
{
    return handshakes_of(clients)->awaiting_peer_count >= clients->max_handshakes;
}

bool shed_is_due(const struct clients *clients)
{
    uint64_t awaiting_peer = handshakes_of(clients)->awaiting_peer_count;

    return too_many_await_peer(clients) ||
        clients->counters.handshakes_in_progress - awaiting_peer >=
        clients->max_handshakes;
}

static uint64_t awaiting_peer_ms(const struct client *c)
{
    return handshake_awaiting_peer_ms(handshakes_of(c->clients), &c->stream.handshake);
}

static struct client *client_of(const struct scheduled_handshake *h)
{
    struct stream *s = container_of(h, struct stream, handshake);

    return container_of(s, struct client, stream);
}

/* A client that has not even sent a ClientHello costs nothing. */
static bool has_had_its_time(const struct client *c)
{
    return !stream_is_answered(&c->stream) || awaiting_peer_ms(c) >= TIMEOUT;
}

/* Returns whether one is to be kept rather than the other. A byte now and then does not
 * make a client worth keeping. */
static bool matters_more(
    const struct client *one, const struct client *other, uint64_t now)
{
    enum source_priority a = source_priority(one->source, now);
    enum source_priority b = source_priority(other->source, now);
    uint32_t many = source_handshakes(one->source);
    uint32_t others = source_handshakes(other->source);

    if (a != b || many != others)
        return a != b ? a < b : many < others;
    return awaiting_peer_ms(one) <= awaiting_peer_ms(other);
}

static struct client *longest_awaiting_peer(const struct clients *clients)
{
    uint64_t now = loop_now(clients->loop);
    const struct scheduled_handshake *h = NULL;
    struct client *found = NULL;

    for (int i = 0; i < LOOKS; i++) {
        h = handshake_next_awaiting_peer(handshakes_of(clients), h);
        if (h == NULL)
            break;
        struct client *c = client_of(h);
        if (has_had_its_time(c) && (found == NULL || !matters_more(c, found, now)))
            found = c;
    }
    return found;
}

bool cpu_saturated(const struct clients *clients)
{
    return handshake_longest_wait_ms(handshakes_of(clients), 1) >= LONG_WAIT;
}

struct client *shed_candidate(const struct clients *clients)
{
    const struct handshake_scheduler *handshakes = handshakes_of(clients);
    struct client *found =
        too_many_await_peer(clients) ? longest_awaiting_peer(clients) : NULL;
    const struct scheduled_handshake *last;

    if (found != NULL ||
        handshake_longest_wait_ms(handshakes, HANDSHAKE_PRIORITIES) < LONG_WAIT)
        return found;
    last = handshake_lowest_priority(handshakes);
    return last != NULL ? client_of(last) : NULL;
}
