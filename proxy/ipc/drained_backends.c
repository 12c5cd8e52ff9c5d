#include "proxy/ipc/drained_backends.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ipc/channel.h"
#include "proxy/ipc/wire.h"

enum { ITEM_LEAST = 10 }; /* two lengths, two NULs */

_Static_assert(
    DRAINED_BACKENDS_MAX *(sizeof(struct drained_backend) + 16) < CHANNEL_BODY_MAX, "");

size_t drained_backends_encode(
    const struct drained_backends *drained, char *bytes, size_t capacity)
{
    struct wire_writer w = {.bytes = bytes, .capacity = capacity};

    wire_put_u32(&w, (uint32_t)drained->count);
    for (size_t i = 0; i < drained->count; i++) {
        wire_put_text(&w, drained->list[i].service);
        wire_put_text(&w, drained->list[i].address);
    }
    return w.len;
}

static bool take_text(struct wire_reader *r, char *text, size_t size)
{
    const char *got = wire_get_text(r);

    return got != NULL && snprintf(text, size, "%s", got) < (int)size;
}

bool drained_backends_decode(
    struct drained_backends *drained, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};
    size_t count = wire_get_count(&r, ITEM_LEAST);

    drained->count = 0;
    if (count > DRAINED_BACKENDS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct drained_backend *one = &drained->list[i];

        if (!take_text(&r, one->service, sizeof(one->service)) ||
            !take_text(&r, one->address, sizeof(one->address)))
            return false;
    }
    drained->count = count;
    return wire_ended(&r);
}

long drained_backends_find(
    const struct drained_backends *drained, const char *service, const char *address)
{
    for (size_t i = 0; i < drained->count; i++) {
        if (strcmp(drained->list[i].service, service) == 0 &&
            strcmp(drained->list[i].address, address) == 0)
            return (long)i;
    }
    return -1;
}
