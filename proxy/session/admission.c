#include "proxy/session/admission.h"

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    SETS = 2048, /* a power of two */
    WAYS = 8,
    PRESSURE_SHARE = 4, /* pressed above a quarter of max_handshakes */
    MILLI = 1000, /* a full handshake in the bucket's unit */
};

struct source {
    uint64_t key; /* 0: free; else the /64, or a tagged IPv4 address */
    uint64_t drained; /* ms: when the bucket was last emptied a bit */
    uint64_t bucket; /* full handshakes, in thousandths */
    uint32_t connections; /* a source with connections keeps its place */
    uint32_t rate; /* the bucket's leak, per second */
};

struct admission {
    uint64_t secret; /* so that nobody can choose addresses that share a set */
    struct source sources[SETS][WAYS];
};

struct admission *admission_new(void)
{
    struct admission *admission = calloc(1, sizeof(*admission));

    if (admission == NULL)
        abort();
    if (getrandom(&admission->secret, sizeof(admission->secret), GRND_NONBLOCK) < 0)
        admission->secret = (uint64_t)(uintptr_t)admission;
    return admission;
}

void admission_free(struct admission *admission)
{
    free(admission);
}

static uint64_t key_of_ipv4(uint32_t address)
{
    /* As if in fffffffe::/32: multicast, no source has it. */
    return (uint64_t)0xfffffffeU << 32 | address;
}

static uint64_t key_of(const struct sockaddr_storage *peer)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    uint64_t prefix;
    uint32_t four;

    if (peer->ss_family == AF_INET)
        return key_of_ipv4(((const struct sockaddr_in *)peer)->sin_addr.s_addr);
    if (peer->ss_family != AF_INET6)
        return 0;
    if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(&four, six->sin6_addr.s6_addr + 12, sizeof(four));
        return key_of_ipv4(four);
    }
    memcpy(&prefix, six->sin6_addr.s6_addr, sizeof(prefix));
    return prefix != 0 ? be64toh(prefix) : 1; /* ::1 and its like */
}

/* splitmix64's finisher over key and secret. */
static size_t set_of(const struct admission *admission, uint64_t key)
{
    uint64_t x = key ^ admission->secret;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (size_t)(x ^ (x >> 31)) & (SETS - 1);
}

static void leak(struct source *source, uint64_t now)
{
    uint64_t gone = (now - source->drained) * source->rate;

    source->bucket = gone >= source->bucket ? 0 : source->bucket - gone;
    source->drained = now;
}

/* Prefers the source's own place, then a free one, then that of the least busy source
 * without connections. */
static struct source *place(struct admission *admission, uint64_t key, uint64_t now)
{
    struct source *set = admission->sources[set_of(admission, key)];
    struct source *best = NULL;

    for (unsigned i = 0; i < WAYS; i++) {
        struct source *s = &set[i];

        if (s->key == key)
            return s;
        if (s->connections > 0)
            continue;
        leak(s, now);
        if (best == NULL || s->bucket < best->bucket)
            best = s;
    }
    if (best != NULL)
        *best = (struct source){.key = key, .drained = now};
    return best;
}

bool admission_is_pressed(
    const struct admission_limits *limits, uint32_t handshakes_in_progress)
{
    return handshakes_in_progress > limits->max_handshakes / PRESSURE_SHARE;
}

enum admission_verdict admission_enter(struct admission *admission,
    const struct admission_limits *limits, const struct sockaddr_storage *peer,
    uint32_t handshakes_in_progress, uint64_t now, struct source **source)
{
    uint64_t key = key_of(peer);
    struct source *s = key != 0 ? place(admission, key, now) : NULL;

    *source = NULL;
    if (s == NULL)
        return ADMIT;
    s->rate = limits->handshake_rate;
    leak(s, now);
    if (limits->connections_per_source > 0 &&
        s->connections >= limits->connections_per_source)
        return ADMIT_NOT_CONNECTIONS;
    if (limits->handshake_rate > 0 &&
        s->bucket >= (uint64_t)limits->handshake_rate * MILLI &&
        admission_is_pressed(limits, handshakes_in_progress))
        return ADMIT_NOT_RATE;
    s->connections++;
    *source = s;
    return ADMIT;
}

uint32_t source_connections(const struct source *source)
{
    return source != NULL ? source->connections : 0;
}

void source_leave(struct source *source)
{
    if (source == NULL)
        return;
    assert(source->connections > 0);
    source->connections--;
}

void source_count_full_handshake(struct source *source, uint64_t now)
{
    if (source == NULL)
        return;
    leak(source, now);
    /* Beyond some seconds' worth the bucket grows no more: an attacker who stops is
     * forgotten soon. */
    if (source->bucket < (uint64_t)source->rate * MILLI * 4)
        source->bucket += MILLI;
}
