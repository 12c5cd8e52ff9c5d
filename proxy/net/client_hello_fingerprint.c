#include "proxy/net/client_hello_fingerprint.h"

enum {
    RECORD_HANDSHAKE = 22,
    CLIENT_HELLO = 1,
    VERSION_AND_RANDOM = 34,
    SUPPORTED_GROUPS = 10,
    SIGNATURE_ALGORITHMS = 13,
    LATELY = 64,
};

/* What is left to be read; `len` 0 with `bad` set once something was too short. */
struct reader {
    const unsigned char *bytes;
    size_t len;
    bool bad;
};

static struct reader take(struct reader *from, size_t len)
{
    struct reader part = {from->bytes, len, false};

    if (from->bad || len > from->len) {
        from->bad = true;
        from->len = 0;
        return (struct reader){NULL, 0, true};
    }
    from->bytes += len;
    from->len -= len;
    return part;
}

static size_t number(struct reader *from, size_t bytes)
{
    struct reader part = take(from, bytes);
    size_t value = 0;

    for (size_t i = 0; i < part.len; i++)
        value = value << 8 | part.bytes[i];
    return value;
}

static struct reader vector(struct reader *from, size_t length_bytes)
{
    return take(from, number(from, length_bytes));
}

/* splitmix64's finisher. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* RFC 8701: chosen at random, to be ignored. */
static bool is_grease(size_t value)
{
    return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static uint64_t mix_numbers(uint64_t hash, struct reader list)
{
    while (list.len > 1) {
        size_t value = number(&list, 2);

        if (!is_grease(value))
            hash = mixed(hash + value + 1);
    }
    return hash;
}

/* In whatever order: browsers shuffle them. */
static uint64_t sum_of_extensions(struct reader *extensions)
{
    uint64_t sum = 0;

    while (extensions->len > 0) {
        size_t type = number(extensions, 2);
        struct reader body = vector(extensions, 2);
        uint64_t one = mixed(type + 1);

        if (is_grease(type))
            continue;
        if (type == SUPPORTED_GROUPS || type == SIGNATURE_ALGORITHMS)
            one = mix_numbers(one, body);
        sum += one;
    }
    return sum;
}

static uint64_t hash_of(struct reader *hello)
{
    (void)take(hello, VERSION_AND_RANDOM);
    (void)vector(hello, 1); /* the session */
    uint64_t hash = mix_numbers(0, vector(hello, 2));
    (void)vector(hello, 1); /* compression */
    struct reader extensions = vector(hello, 2);
    hash += sum_of_extensions(&extensions);
    hello->bad |= extensions.bad;
    return mixed(hash);
}

unsigned fingerprint_of(const unsigned char *bytes, size_t len)
{
    struct reader all = {bytes, len, false};
    bool handshake = number(&all, 1) == RECORD_HANDSHAKE;

    (void)number(&all, 2);
    struct reader record = vector(&all, 2);
    bool hello = number(&record, 1) == CLIENT_HELLO;
    struct reader message = vector(&record, 3);
    uint64_t hash = hash_of(&message);
    if (!handshake || !hello || message.bad)
        return 0;
    return 1 + (unsigned)(hash % (FINGERPRINTS - 1));
}

void fingerprints_count(struct fingerprints *all, unsigned fingerprint, bool kept)
{
    if (fingerprint == 0)
        return;
    if (kept)
        all->of[fingerprint].kept++;
    else
        all->of[fingerprint].broken++;
    if (all->of[fingerprint].kept + all->of[fingerprint].broken < LATELY)
        return;
    all->of[fingerprint].kept /= 2;
    all->of[fingerprint].broken /= 2;
}

bool fingerprints_complete(const struct fingerprints *all, unsigned fingerprint)
{
    unsigned kept = all->of[fingerprint].kept, broken = all->of[fingerprint].broken;

    return kept > 0 && kept >= broken * 3;
}
