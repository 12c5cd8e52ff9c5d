#include "proxy/session/denied_log.h"

#include <stdio.h>
#include <string.h>

static size_t place_of(const struct in6_addr *address)
{
    uint32_t hash = 2166136261; /* FNV-1a */

    for (size_t i = 0; i < sizeof(address->s6_addr); i++)
        hash = (hash ^ address->s6_addr[i]) * 16777619;
    return hash % DENIED_LOG_PLACES;
}

const char *denied_log_add(struct denied_log *log, const char *service,
    const struct access_rules *rules, const struct in6_addr *address, uint64_t now)
{
    (void)snprintf(log->last.service, sizeof(log->last.service), "%s", service);
    log->last.address = *address;
    access_rules_name(rules, address, log->last.rule);
    log->last.when = now;
    return log->last.rule;
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
