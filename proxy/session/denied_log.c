#include "proxy/session/denied_log.h"

#include <string.h>

static size_t place_of(const struct in6_addr *address)
{
    uint32_t hash = 2166136261; /* FNV-1a */

    for (size_t i = 0; i < sizeof(address->s6_addr); i++)
        hash = (hash ^ address->s6_addr[i]) * 16777619;
    return hash % DENIED_LOG_PLACES;
}

bool denied_log_may(struct denied_log *log, const struct in6_addr *address, uint64_t now)
{
    size_t i = place_of(address);

    if (log->places[i].told != 0 && now - log->places[i].told < DENIED_LOG_AGAIN &&
        IN6_ARE_ADDR_EQUAL(&log->places[i].address, address))
        return false;
    log->places[i].address = *address;
    log->places[i].told = now;
    return true;
}
