#include "proxy/session/shed.h"

#include "proxy/session/admission.h"
#include "proxy/session/client_state.h"

enum {
    LOOKS = 8, /* of those that have kept us waiting longest */
    PATIENCE = 200, /* ms a peer gets whose hello we have answered: more, and a crowd of
                     * them keeps everybody else in the backlog */
    LONG_WAIT = 500, /* ms that a hello has waited for us: CPU is short */
};

static bool too_many_are_silent(const struct front *front)
{
    return stream_silents(front->loop) >= front->max_handshakes;
}

bool shed_is_due(const struct front *front)
{
    uint64_t silent = stream_silents(front->loop);

    return too_many_are_silent(front) ||
        front->counters.handshakes_in_progress - silent >= front->max_handshakes;
}

/* One that has not even said hello costs nobody anything. */
static bool has_had_its_time(const struct client *c)
{
    return !stream_is_answered(&c->stream) ||
        stream_keeps_us_waiting(&c->stream) >= PATIENCE;
}

/* Who says a byte now and then comes late among the silent, and is none the dearer. */
static bool is_dearer(const struct client *one, const struct client *other, uint64_t now)
{
    enum source_rank a = source_rank(one->source, now);
    enum source_rank b = source_rank(other->source, now);
    uint32_t many = source_handshakes(one->source);
    uint32_t others = source_handshakes(other->source);

    if (a != b || many != others)
        return a != b ? a < b : many < others;
    return stream_keeps_us_waiting(&one->stream) <=
        stream_keeps_us_waiting(&other->stream);
}

static struct client *of_those_who_keep_us_waiting(const struct front *front)
{
    uint64_t now = loop_now(front->loop);
    struct client *found = NULL;
    struct stream *s = NULL;

    for (int i = 0; i < LOOKS && (s = stream_next_silent(front->loop, s)) != NULL; i++) {
        struct client *c = container_of(s, struct client, stream);

        if (has_had_its_time(c) && (found == NULL || !is_dearer(c, found, now)))
            found = c;
    }
    return found;
}

bool shed_is_no_help(const struct front *front)
{
    return stream_longest_wait(front->loop, 1) >= LONG_WAIT;
}

struct client *shed_candidate(const struct front *front)
{
    struct client *found =
        too_many_are_silent(front) ? of_those_who_keep_us_waiting(front) : NULL;
    struct stream *last;

    if (found != NULL || stream_longest_wait(front->loop, LOOP_RANKS) < LONG_WAIT)
        return found;
    last = stream_last_rank(front->loop);
    return last != NULL ? container_of(last, struct client, stream) : NULL;
}
