#include "proxy/ipc/wire.h"

#include <assert.h>
#include <string.h>

#include "config/endpoint.h"

static void put(struct wire_writer *w, const void *data, size_t len)
{
    if (w->bytes != NULL && len > 0) {
        assert(len <= w->capacity - w->len);
        memcpy(w->bytes + w->len, data, len);
    }
    w->len += len;
}

void wire_put_u32(struct wire_writer *w, uint32_t value)
{
    put(w, &value, sizeof(value));
}

void wire_put_u64(struct wire_writer *w, uint64_t value)
{
    put(w, &value, sizeof(value));
}

void wire_put_bytes(struct wire_writer *w, const void *data, size_t len)
{
    wire_put_u64(w, len);
    put(w, data, len);
}

void wire_put_text(struct wire_writer *w, const char *text)
{
    if (text == NULL)
        wire_put_u64(w, 0);
    else
        wire_put_bytes(w, text, strlen(text) + 1);
}

/* `left` stays as it is, so that it tells where the reading failed. */
static bool fail(struct wire_reader *r, struct bytes left)
{
    r->left = left;
    r->failed = true;
    return false;
}

static bool take(struct wire_reader *r, void *to, size_t len)
{
    const struct bytes left = r->left;

    return (!r->failed && bytes_copy(&r->left, to, len)) || fail(r, left);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    uint32_t value;

    return take(r, &value, sizeof(value)) ? value : 0;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    uint64_t value;

    return take(r, &value, sizeof(value)) ? value : 0;
}

const char *wire_get_bytes(struct wire_reader *r, size_t *len)
{
    uint64_t size = wire_get_u64(r);
    const struct bytes left = r->left;
    struct bytes taken;

    *len = 0;
    if (r->failed || !bytes_take(&r->left, size, &taken)) {
        (void)fail(r, left);
        return "";
    }
    *len = taken.len;
    return (const char *)taken.at;
}

const char *wire_get_text(struct wire_reader *r)
{
    size_t len;
    const char *text = wire_get_bytes(r, &len);

    if (len == 0)
        return NULL;
    if (memchr(text, '\0', len) != text + len - 1) {
        r->failed = true;
        return NULL;
    }
    return text;
}

size_t wire_get_count(struct wire_reader *r, size_t least)
{
    uint32_t count = wire_get_u32(r);

    assert(least > 0);
    if (count > r->left.len / least)
        r->failed = true;
    return r->failed ? 0 : count;
}

bool wire_ended(const struct wire_reader *r)
{
    return !r->failed && r->left.len == 0;
}

void wire_put_endpoint(struct wire_writer *w, const struct endpoint *endpoint)
{
    wire_put_bytes(w, &endpoint->address, endpoint->len);
    wire_put_text(w, endpoint->text);
}

void wire_get_endpoint(struct wire_reader *r, struct endpoint *endpoint)
{
    size_t len;
    const char *address = wire_get_bytes(r, &len);
    const char *text = wire_get_text(r);

    if (len > sizeof(endpoint->address) || text == NULL ||
        strlen(text) >= sizeof(endpoint->text))
        r->failed = true;
    if (r->failed)
        return;
    memcpy(&endpoint->address, address, len);
    endpoint->len = (socklen_t)len;
    memcpy(endpoint->text, text, strlen(text) + 1);
}
