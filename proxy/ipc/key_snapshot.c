#include "proxy/ipc/key_snapshot.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/wire.h"

enum { MAGIC = 0x314b4c57 /* "WLK1" */, KEY_BYTES = 16 };

static void put(struct wire_writer *w, const struct key_snapshot *snapshot)
{
    wire_put_u32(w, MAGIC);
    wire_put_u32(w, snapshot->id);
    wire_put_u32(w, (uint32_t)snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++) {
        wire_put_u64(w, snapshot->keys[i].number);
        wire_put_bytes(w, snapshot->keys[i].der, snapshot->keys[i].len);
    }
}

size_t key_snapshot_size(const struct key_snapshot *snapshot)
{
    struct wire_writer w = {0};

    put(&w, snapshot);
    return w.len;
}

void key_snapshot_encode(const struct key_snapshot *snapshot, char *bytes, size_t size)
{
    struct wire_writer w = {.bytes = bytes, .capacity = size};

    put(&w, snapshot);
    assert(w.len == size);
}

bool key_snapshot_decode(
    struct key_snapshot *snapshot, const char *bytes, size_t len, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};

    *snapshot = (struct key_snapshot){0};
    if (wire_get_u32(&r) != MAGIC)
        return error_set(err, "the keys are not those of this version");
    snapshot->id = wire_get_u32(&r);
    snapshot->count = wire_get_count(&r, KEY_BYTES);
    snapshot->keys = memory_array(snapshot->count, sizeof(*snapshot->keys));
    for (size_t i = 0; i < snapshot->count; i++) {
        snapshot->keys[i].number = wire_get_u64(&r);
        snapshot->keys[i].der = wire_get_bytes(&r, &snapshot->keys[i].len);
    }
    if (wire_ended(&r))
        return true;
    free(snapshot->keys);
    *snapshot = (struct key_snapshot){0};
    return error_set(
        err, "the keys are damaged at byte %zu of %zu", len - r.left.len, len);
}
