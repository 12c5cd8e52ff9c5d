#include "proxy/session/admission.h"

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proxy/base/memory.h"
#include "proxy/base/mix.h"

enum {
    SETS = 2048, /* a power of two */
    WAYS = 8,
    MILLI = 1000, /* one full handshake, one failed login: buckets count thousandths */
    MINUTE = 60 * 1000, /* ms */
    HANDSHAKES_LIMITED_FROM = 16, /* a source with fewer handshakes in progress is not
                                   * limited: more than a browser, or a pool's hosts
                                   * behind one address, have at a time */
    REMEMBERED = 3600 * 1000, /* ms that a completed handshake verifies its source */
};

struct source {
    uint64_t key; /* 0: free; else the /64, or a tagged IPv4 address */
    uint64_t leaked; /* ms: when the bucket last leaked */
    uint64_t bucket; /* full handshakes, in thousandths */
    uint64_t verified_until; /* ms */
    uint64_t logins_leaked; /* ms: when the failed logins last leaked */
    uint64_t failed_logins; /* in thousandths */
    uint32_t connections; /* a source with connections keeps its place */
    uint32_t handshakes; /* in progress, among them */
    uint32_t rate; /* the bucket's leak, per second */
};

struct admission {
    uint64_t secret; /* so that nobody can choose addresses that share a set */
    struct source sources[SETS][WAYS];
};

struct admission *admission_new(void)
{
    struct admission *admission = memory_new(sizeof(*admission));

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
    /* As if in fffffffe::/32: multicast, which no source has. */
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
    return prefix != 0 ? be64toh(prefix) : 1; /* ::1 and the like */
}

static size_t set_of(const struct admission *admission, uint64_t key)
{
    return (size_t)mix64(key ^ admission->secret) & (SETS - 1);
}

static void leak(struct source *source, uint64_t now)
{
    uint64_t gone = (now - source->leaked) * source->rate;

    source->bucket = gone >= source->bucket ? 0 : source->bucket - gone;
    source->leaked = now;
}

static bool is_verified(const struct source *source, uint64_t now)
{
    return now < source->verified_until;
}

/* Returns whether the first of two sources without connections is to be forgotten
 * first. */
static bool matters_less(
    const struct source *one, const struct source *other, uint64_t now)
{
    bool verified = is_verified(one, now);

    return verified != is_verified(other, now) ? !verified : one->bucket < other->bucket;
}

/* Prefers the source's own place, then a free one, then that of the least important
 * source without connections: many unverified clients do not push out verified ones. */
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
        if (best == NULL || matters_less(s, best, now))
            best = s;
    }
    if (best != NULL)
        *best = (struct source){.key = key, .leaked = now};
    return best;
}

static bool is_over_its_rate(const struct source *source)
{
    return source->rate > 0 && source->bucket >= (uint64_t)source->rate * MILLI;
}

enum admission_verdict admission_enter(struct admission *admission,
    const struct admission_limits *limits, const struct sockaddr_storage *peer,
    bool pressed, uint64_t now, struct source **source)
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
    if (pressed && is_over_its_rate(s))
        return ADMIT_NOT_RATE;
    s->connections++;
    s->handshakes++;
    *source = s;
    return ADMIT;
}

void source_leave(struct source *source)
{
    if (source == NULL)
        return;
    assert(source->connections > 0);
    source->connections--;
}

void source_handshake_over(struct source *source)
{
    if (source == NULL)
        return;
    assert(source->handshakes > 0);
    source->handshakes--;
}

uint32_t source_handshakes(const struct source *source)
{
    return source != NULL ? source->handshakes : 0;
}

enum source_priority source_priority(struct source *source, uint64_t now)
{
    if (source == NULL)
        return SOURCE_NEW;
    if (source->handshakes > HANDSHAKES_LIMITED_FROM)
        return SOURCE_LIMITED;
    if (is_verified(source, now))
        return SOURCE_VERIFIED;
    leak(source, now);
    return is_over_its_rate(source) ? SOURCE_LIMITED : SOURCE_NEW;
}

static void count_full_handshake(struct source *source, uint64_t now)
{
    leak(source, now);
    /* The bucket holds at most some seconds' worth: an attacker who stops is soon
     * forgotten. */
    if (source->bucket < (uint64_t)source->rate * MILLI * 4)
        source->bucket += MILLI;
}

void source_handshake_completed(struct source *source, bool resumed, uint64_t now)
{
    if (source == NULL)
        return;
    source->verified_until = now + REMEMBERED;
    if (!resumed)
        count_full_handshake(source, now);
}

void source_handshake_failed(struct source *source, uint64_t now)
{
    if (source == NULL)
        return;
    source->verified_until = 0;
    count_full_handshake(source, now);
}

static void leak_logins(struct source *source, uint32_t limit, uint64_t now)
{
    uint64_t gone = (now - source->logins_leaked) * limit * MILLI / MINUTE;

    source->failed_logins -= gone < source->failed_logins ? gone : source->failed_logins;
    source->logins_leaked = now;
}

void source_login_failed(struct source *source, uint32_t limit, uint64_t now)
{
    if (source == NULL || limit == 0)
        return;
    leak_logins(source, limit, now);
    source->failed_logins += MILLI;
}

bool source_logins_exhausted(struct source *source, uint32_t limit, uint64_t now)
{
    if (source == NULL || limit == 0)
        return false;
    leak_logins(source, limit, now);
    return source->failed_logins + MILLI > (uint64_t)limit * MILLI;
}
