#include "proxy/base/counters.h"

#include <assert.h>
#include <stddef.h>

const char *client_state_text(enum client_state state)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CLIENT_STATES(X)
#undef X
    };

    return texts[state];
}

void counters_add(struct counters *sum, const struct counters *one)
{
    static_assert(sizeof(*sum) % sizeof(uint64_t) == 0, "nothing but counts");
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)one;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}
