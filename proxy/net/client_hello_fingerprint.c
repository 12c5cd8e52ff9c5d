#include "proxy/net/client_hello_fingerprint.h"

#include "proxy/base/client_hello.h"
#include "proxy/base/mix.h"

enum {
    RECORD_HANDSHAKE = 22,
    LATELY = 64,
};

static uint64_t mix_numbers(uint64_t hash, struct bytes list)
{
    uint32_t value;

    while (bytes_number(&list, 2, &value)) {
        if (!client_hello_is_grease(value))
            hash = mix64(hash + value + 1);
    }
    return hash;
}

/* The order of extensions does not count, because browsers shuffle them. False: one is
 * cut short. */
static bool add_extensions(struct bytes extensions, uint64_t *hash)
{
    struct bytes body;
    uint16_t type;

    while (extensions.len > 0) {
        uint64_t one;

        if (!client_hello_next_extension(&extensions, &type, &body))
            return false;
        if (client_hello_is_grease(type))
            continue;
        one = mix64(type + 1U);
        if (type == CLIENT_HELLO_GROUPS || type == CLIENT_HELLO_SIGNATURE_SCHEMES)
            one = mix_numbers(one, body);
        *hash += one;
    }
    return true;
}

unsigned fingerprint_of(const unsigned char *bytes, size_t len)
{
    struct bytes all = {bytes, len}, record;
    struct client_hello hello;
    uint32_t type, version;
    uint64_t hash;

    if (!bytes_number(&all, 1, &type) || type != RECORD_HANDSHAKE ||
        !bytes_number(&all, 2, &version) || !bytes_vector(&all, 2, &record) ||
        !client_hello_read_message(&hello, record))
        return 0;
    hash = mix_numbers(0, hello.suites);
    if (!add_extensions(hello.extensions, &hash))
        return 0;
    return 1 + (unsigned)(mix64(hash) % (FINGERPRINTS - 1));
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
