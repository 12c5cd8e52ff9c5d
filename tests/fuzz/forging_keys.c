#include "tests/fuzz/forging_keys.h"

#include <stdlib.h>

const struct key_exchange_group *forging_group(uint16_t group)
{
    for (size_t i = 0; i < KEY_EXCHANGE_GROUPS; i++) {
        if (key_exchange_groups[i].tls_id == group)
            return &key_exchange_groups[i];
    }
    return NULL;
}

const struct key_exchange_key *forging_key(uint16_t group)
{
    static struct key_exchange_key keys[KEY_EXCHANGE_GROUPS];
    const struct key_exchange_group *found = forging_group(group);
    struct key_exchange_key *key;

    if (found == NULL)
        return NULL;
    key = &keys[found - key_exchange_groups];
    if (key->scalar[0] == 0) {
        for (size_t i = 0; i < found->limbs; i++)
            key->scalar[i] = 0x1122334455667788;
        if (!key_exchange_public_alone(found, key))
            abort();
    }
    return key;
}

bool forging_agree(uint16_t group, const unsigned char *share, size_t share_len,
    unsigned char *secret, size_t *secret_len)
{
    const struct key_exchange_group *found = forging_group(group);
    struct key_exchange_key peer;
    struct key_exchange_job job = {
        .own = forging_key(group), .peer = &peer, .secret = secret};

    if (found == NULL || !key_exchange_decode(found, &peer, share, share_len))
        return false;
    key_exchange_derive_alone(found, &job);
    *secret_len = found->secret_len;
    return job.ok;
}
