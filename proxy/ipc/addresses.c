#include "proxy/ipc/addresses.h"

#include <string.h>

#include "proxy/ipc/wire.h"

enum { ADDRESS_BYTES = 16 };

size_t addresses_encode(const struct addresses *addresses, char *bytes, size_t capacity)
{
    struct wire_writer w = {.bytes = bytes, .capacity = capacity};

    wire_put_text(&w, addresses->connect);
    wire_put_u32(&w, (uint32_t)addresses->count);
    for (size_t i = 0; i < addresses->count; i++)
        wire_put_endpoint(&w, &addresses->list[i]);
    return w.len;
}

bool addresses_decode(struct addresses *addresses, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};

    memset(addresses, 0, sizeof(*addresses));
    addresses->connect = wire_get_text(&r);
    addresses->count = wire_get_count(&r, ADDRESS_BYTES);
    if (addresses->count > ADDRESSES_COUNT_MAX)
        return false;
    for (size_t i = 0; i < addresses->count; i++)
        wire_get_endpoint(&r, &addresses->list[i]);
    return wire_ended(&r) && addresses->connect != NULL;
}

static bool has(const struct addresses *addresses, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < addresses->count; i++) {
        if (endpoint_equal(&addresses->list[i], endpoint))
            return true;
    }
    return false;
}

static bool has_all(const struct addresses *a, const struct addresses *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (!has(a, &b->list[i]))
            return false;
    }
    return true;
}

bool addresses_equal(const struct addresses *a, const struct addresses *b)
{
    return has_all(a, b) && has_all(b, a);
}
