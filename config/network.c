#include "config/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "config/excerpt.h"
#include "proxy/base/error.h"

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128 };

static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* *offset: the number of address bits that are not written. */
static bool parse_address(const char *text, struct in6_addr *address, unsigned *offset)
{
    *offset = 0;
    if (inet_pton(AF_INET6, text, address) == 1)
        return true;
    *offset = MAPPED_BITS;
    memcpy(address->s6_addr, mapped, sizeof(mapped));
    return inet_pton(AF_INET, text, &address->s6_addr[12]) == 1;
}

static bool parse_bits(const char *text, unsigned max, unsigned *bits)
{
    *bits = 0;
    if (*text == '\0' || strlen(text) > 3)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *bits = *bits * 10 + (unsigned)(*text - '0');
    }
    return *bits <= max;
}

static bool bit_of(const struct in6_addr *address, unsigned bit)
{
    return (address->s6_addr[bit / 8] & 0x80 >> bit % 8) != 0;
}

bool network_parse(const char *text, struct network *network, struct error *err)
{
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    char address[INET6_ADDRSTRLEN] = "";
    unsigned offset;

    if (len < sizeof(address))
        snprintf(address, sizeof(address), "%.*s", (int)len, text);
    if (!parse_address(address, &network->address, &offset))
        return error_set(err, "'%s' is not an address, nor a network as 192.0.2.0/24",
            excerpt_of_text(text).text);
    network->bits = ADDRESS_BITS - offset;
    if (slash != NULL && !parse_bits(slash + 1, ADDRESS_BITS - offset, &network->bits))
        return error_set(err, "'%s': behind the / stand 0 to %u bits",
            excerpt_of_text(text).text, ADDRESS_BITS - offset);
    network->bits += offset;
    for (unsigned bit = network->bits; bit < ADDRESS_BITS; bit++) {
        if (bit_of(&network->address, bit))
            return error_set(err, "'%s' has more bits set than its length says",
                excerpt_of_text(text).text);
    }
    return true;
}

struct in6_addr network_address(const struct sockaddr_storage *peer)
{
    struct in6_addr address = IN6ADDR_ANY_INIT;

    if (peer->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)peer)->sin6_addr;
    if (peer->ss_family == AF_INET) {
        memcpy(address.s6_addr, mapped, sizeof(mapped));
        memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)peer)->sin_addr,
            sizeof(struct in_addr));
    }
    return address;
}

void network_describe(const struct in6_addr *address, char text[NETWORK_ADDRESS_MAX])
{
    const bool v4 = IN6_IS_ADDR_V4MAPPED(address);

    (void)inet_ntop(v4 ? AF_INET : AF_INET6,
        v4 ? &address->s6_addr[sizeof(mapped)] : (const void *)address, text,
        NETWORK_ADDRESS_MAX);
}

bool network_contains(const struct network *network, const struct in6_addr *address)
{
    size_t bytes = network->bits / 8;
    unsigned rest = network->bits % 8;
    unsigned char mask = (unsigned char)(0xff00 >> rest);

    return memcmp(network->address.s6_addr, address->s6_addr, bytes) == 0 &&
        (rest == 0 ||
            ((network->address.s6_addr[bytes] ^ address->s6_addr[bytes]) & mask) == 0);
}
