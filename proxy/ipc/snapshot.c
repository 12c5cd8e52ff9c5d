#include "proxy/ipc/snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/wire.h"

enum { SNAPSHOT_MAGIC = 0x31424c57 }; /* "WLB1" */

/* The smallest size of one element on the wire. */
enum { BACKEND_BYTES = 20, BLOB_BYTES = 8, SERVICE_BYTES = 40, LISTENER_BYTES = 20 };

static void put_service(struct wire_writer *w, const struct snapshot_service *service)
{
    wire_put_u32(w, (uint32_t)service->backend_count);
    for (size_t i = 0; i < service->backend_count; i++) {
        wire_put_u32(w, service->backends[i].connect);
        wire_put_endpoint(w, &service->backends[i].endpoint);
    }
    wire_put_u32(w, (uint32_t)service->credential_count);
    for (size_t i = 0; i < service->credential_count; i++)
        wire_put_bytes(w, service->credentials[i].bytes, service->credentials[i].len);
    wire_put_text(w, service->ca);
    wire_put_text(w, service->crl);
    wire_put_bytes(w, service->backend_credential.bytes, service->backend_credential.len);
    wire_put_text(w, service->backend_ca);
}

static void put_listener(struct wire_writer *w, const struct snapshot_listener *listener)
{
    wire_put_endpoint(w, &listener->address);
    wire_put_u32(w, (uint32_t)listener->service_count);
    for (size_t i = 0; i < listener->service_count; i++)
        wire_put_u32(w, listener->services[i]);
}

static void put_snapshot(struct wire_writer *w, const struct snapshot *snapshot)
{
    wire_put_u32(w, SNAPSHOT_MAGIC);
    wire_put_u32(w, snapshot->id);
    wire_put_text(w, snapshot->settings);
    wire_put_u32(w, (uint32_t)snapshot->service_count);
    for (size_t i = 0; i < snapshot->service_count; i++)
        put_service(w, &snapshot->services[i]);
    wire_put_u32(w, (uint32_t)snapshot->listener_count);
    for (size_t i = 0; i < snapshot->listener_count; i++)
        put_listener(w, &snapshot->listeners[i]);
}

size_t snapshot_size(const struct snapshot *snapshot)
{
    struct wire_writer w = {0};

    put_snapshot(&w, snapshot);
    return w.len;
}

void snapshot_encode(const struct snapshot *snapshot, char *bytes, size_t size)
{
    struct wire_writer w = {.bytes = bytes, .capacity = size};

    put_snapshot(&w, snapshot);
    assert(w.len == size);
}

static void get_service(struct wire_reader *r, struct snapshot_service *service)
{
    service->backend_count = wire_get_count(r, BACKEND_BYTES);
    service->backends = memory_array(service->backend_count, sizeof(*service->backends));
    for (size_t i = 0; i < service->backend_count; i++) {
        service->backends[i].connect = wire_get_u32(r);
        wire_get_endpoint(r, &service->backends[i].endpoint);
    }

    service->credential_count = wire_get_count(r, BLOB_BYTES);
    service->credentials =
        memory_array(service->credential_count, sizeof(*service->credentials));
    for (size_t i = 0; i < service->credential_count; i++) {
        struct snapshot_blob *blob = &service->credentials[i];

        blob->bytes = wire_get_bytes(r, &blob->len);
    }
    service->ca = wire_get_text(r);
    service->crl = wire_get_text(r);
    service->backend_credential.bytes =
        wire_get_bytes(r, &service->backend_credential.len);
    service->backend_ca = wire_get_text(r);
}

static void get_listener(
    struct wire_reader *r, struct snapshot_listener *listener, size_t services)
{
    wire_get_endpoint(r, &listener->address);
    listener->service_count = wire_get_count(r, sizeof(uint32_t));
    listener->services =
        memory_array(listener->service_count, sizeof(*listener->services));
    if (listener->service_count == 0)
        r->failed = true;
    for (size_t i = 0; i < listener->service_count; i++) {
        listener->services[i] = wire_get_u32(r);
        if (listener->services[i] >= services)
            r->failed = true;
    }
}

static void get_lists(struct wire_reader *r, struct snapshot *snapshot)
{
    snapshot->service_count = wire_get_count(r, SERVICE_BYTES);
    snapshot->services =
        memory_array(snapshot->service_count, sizeof(*snapshot->services));
    for (size_t i = 0; i < snapshot->service_count; i++)
        get_service(r, &snapshot->services[i]);

    snapshot->listener_count = wire_get_count(r, LISTENER_BYTES);
    snapshot->listeners =
        memory_array(snapshot->listener_count, sizeof(*snapshot->listeners));
    for (size_t i = 0; i < snapshot->listener_count; i++)
        get_listener(r, &snapshot->listeners[i], snapshot->service_count);
}

bool snapshot_decode(
    struct snapshot *snapshot, const char *bytes, size_t len, struct error *err)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};

    memset(snapshot, 0, sizeof(*snapshot));
    if (wire_get_u32(&r) != SNAPSHOT_MAGIC)
        return error_set(err, "the snapshot is not one of this version");
    snapshot->id = wire_get_u32(&r);
    snapshot->settings = wire_get_text(&r);
    get_lists(&r, snapshot);
    if (wire_ended(&r) && snapshot->settings != NULL)
        return true;
    snapshot_destroy(snapshot);
    return error_set(
        err, "the snapshot is damaged at byte %zu of %zu", len - r.left.len, len);
}

void snapshot_destroy(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->service_count; i++) {
        free(snapshot->services[i].backends);
        free(snapshot->services[i].credentials);
    }
    for (size_t i = 0; i < snapshot->listener_count; i++)
        free(snapshot->listeners[i].services);
    free(snapshot->services);
    free(snapshot->listeners);
    memset(snapshot, 0, sizeof(*snapshot));
}
