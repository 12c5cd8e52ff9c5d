#include "proxy/session/shed.h"

#include "proxy/session/admission.h"
#include "proxy/session/client_state.h"

enum {
    LOOKS = 8, /* of those that have kept us waiting longest */
    TIMEOUT = 200, /* ms a peer gets whose hello we have answered: more, and many of
                    * them keeps everybody else in the backlog */
    LONG_WAIT = 500, /* ms that a hello has waited for us: CPU is short */
};

static bool too_many_await_peer(const struct clients *clients)
{
    return stream_awaiting_peer_count(clients->loop) >= clients->max_handshakes;
}

bool shed_is_due(const struct clients *clients)
{
    uint64_t silent = stream_awaiting_peer_count(clients->loop);

    return too_many_await_peer(clients) ||
        clients->counters.handshakes_in_progress - silent >= clients->max_handshakes;
}

/* One that has not even said hello costs nobody anything. */
static bool has_had_its_time(const struct client *c)
{
    return !stream_is_answered(&c->stream) ||
        stream_awaiting_peer_ms(&c->stream) >= TIMEOUT;
}

/* Who says a byte now and then comes late among the silent, and is none the dearer. */
static bool is_dearer(const struct client *one, const struct client *other, uint64_t now)
{
    enum source_priority a = source_priority(one->source, now);
    enum source_priority b = source_priority(other->source, now);
    uint32_t many = source_handshakes(one->source);
    uint32_t others = source_handshakes(other->source);

    if (a != b || many != others)
        return a != b ? a < b : many < others;
    return stream_awaiting_peer_ms(&one->stream) <=
        stream_awaiting_peer_ms(&other->stream);
}

static struct client *longest_awaiting_peer(const struct clients *clients)
{
    uint64_t now = loop_now(clients->loop);
    struct client *found = NULL;
    struct stream *s = NULL;

    for (int i = 0;
         i < LOOKS && (s = stream_next_awaiting_peer(clients->loop, s)) != NULL; i++) {
        struct client *c = container_of(s, struct client, stream);

        if (has_had_its_time(c) && (found == NULL || !is_dearer(c, found, now)))
            found = c;
    }
    return found;
}

bool cpu_saturated(const struct clients *clients)
{
    return stream_longest_wait(clients->loop, 1) >= LONG_WAIT;
}

struct client *shed_candidate(const struct clients *clients)
{
    struct client *found =
        too_many_await_peer(clients) ? longest_awaiting_peer(clients) : NULL;
    struct stream *last;

    if (found != NULL || stream_longest_wait(clients->loop, LOOP_PRIORITIES) < LONG_WAIT)
        return found;
    last = stream_lowest_priority(clients->loop);
    return last != NULL ? container_of(last, struct client, stream) : NULL;
}
