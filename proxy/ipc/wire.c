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

static const char *take(struct wire_reader *r, size_t len)
{
    const char *here = r->bytes + r->at;

    if (r->failed || len > r->len - r->at) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    return here;
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    uint32_t value = 0;
    const char *here = take(r, sizeof(value));

    if (here != NULL)
        memcpy(&value, here, sizeof(value));
    return value;
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    uint64_t value = 0;
    const char *here = take(r, sizeof(value));

    if (here != NULL)
        memcpy(&value, here, sizeof(value));
    return value;
}

const char *wire_get_bytes(struct wire_reader *r, size_t *len)
{
    uint64_t size = wire_get_u64(r);
    const char *here;

    *len = 0;
    if (size > r->len - r->at)
        r->failed = true;
    here = r->failed ? NULL : take(r, (size_t)size);
    if (here == NULL)
        return "";
    *len = (size_t)size;
    return here;
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
    if (count > (r->len - r->at) / least)
        r->failed = true;
    return r->failed ? 0 : count;
}

bool wire_ended(const struct wire_reader *r)
{
    return !r->failed && r->at == r->len;
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
