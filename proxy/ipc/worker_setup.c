#include "proxy/ipc/worker_setup.h"

#include <stdio.h>

#include "proxy/ipc/wire.h"

size_t setup_encode(const struct setup *setup, char *bytes, size_t capacity)
{
    struct wire_writer w = {.bytes = bytes, .capacity = capacity};

    wire_put_u32(&w, setup->slot);
    wire_put_u32(&w, setup->crypto);
    wire_put_u32(&w, setup->signer);
    wire_put_u32(&w, setup->batch_hold);
    wire_put_u32(&w, setup->connects_to_unix);
    wire_put_u32(&w, setup->identity.drop);
    wire_put_u32(&w, setup->identity.uid);
    wire_put_u32(&w, setup->identity.gid);
    wire_put_text(&w, setup->identity.name);
    wire_put_u32(&w, setup->ports.held);
    wire_put_u32(&w, setup->ports.count);
    for (size_t i = 0; i < setup->ports.count; i++)
        wire_put_u32(&w, setup->ports.list[i]);
    return w.len;
}

bool setup_decode(struct setup *setup, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};
    const char *name;

    setup->slot = wire_get_u32(&r);
    setup->crypto = wire_get_u32(&r);
    setup->signer = wire_get_u32(&r);
    setup->batch_hold = wire_get_u32(&r);
    setup->connects_to_unix = wire_get_u32(&r);
    setup->identity.drop = wire_get_u32(&r) != 0;
    setup->identity.uid = wire_get_u32(&r);
    setup->identity.gid = wire_get_u32(&r);
    name = wire_get_text(&r);
    setup->ports.held = wire_get_u32(&r) != 0;
    setup->ports.count = wire_get_u32(&r);
    for (size_t i = 0; i < setup->ports.count && i < TCP_PORTS_MAX; i++)
        setup->ports.list[i] = (uint16_t)wire_get_u32(&r);
    if (!wire_ended(&r) || name == NULL)
        return false;
    snprintf(setup->identity.name, sizeof(setup->identity.name), "%s", name);
    return true;
}
