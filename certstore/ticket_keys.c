#include "certstore/ticket_keys.h"

#include <stddef.h>

uint32_t ticket_lifetime(const struct ticket_keys *keys)
{
    return keys != NULL && keys->lifetime != 0 ? keys->lifetime : SESSION_SECONDS;
}

bool ticket_key_opens(const struct ticket_key *key, uint64_t now)
{
    return key->ends == 0 || now < key->ends;
}

const struct ticket_key *ticket_key_to_seal(const struct ticket_keys *keys, uint64_t now)
{
    return keys != NULL && keys->count > 0 && ticket_key_opens(&keys->keys[0], now)
        ? &keys->keys[0]
        : NULL;
}
