#include "proxy/master/release.h"

#include <stdlib.h>

#include "certstore/credential.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/key_snapshot.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/master/plan.h"

static void pack_credentials(
    struct snapshot_service *to, const struct plan_service *from, bool with_keys)
{
    to->credential_count = from->credential_count;
    to->credentials = memory_array(from->credential_count, sizeof(*to->credentials));
    for (size_t i = 0; i < from->credential_count; i++)
        to->credentials[i].bytes =
            credential_pack(from->credentials[i], with_keys, &to->credentials[i].len);
    if (from->backend_credential != NULL)
        to->backend_credential.bytes = credential_pack(
            from->backend_credential, with_keys, &to->backend_credential.len);
}

/* Borrows all but the packed credentials from the plan. */
static void describe(
    struct snapshot *snapshot, uint32_t id, const struct plan *plan, bool with_keys)
{
    *snapshot = (struct snapshot){
        .id = id,
        .settings = plan->text,
        .service_count = plan->settings->service_count,
        .services =
            memory_array(plan->settings->service_count, sizeof(*snapshot->services)),
        .listeners = plan->listeners,
        .listener_count = plan->listener_count,
    };
    for (size_t i = 0; i < snapshot->service_count; i++) {
        snapshot->services[i].backends = plan->services[i].backends;
        snapshot->services[i].backend_count = plan->services[i].backend_count;
        snapshot->services[i].ca = plan->services[i].ca;
        snapshot->services[i].crl = plan->services[i].crl;
        snapshot->services[i].backend_ca = plan->services[i].backend_ca;
        pack_credentials(&snapshot->services[i], &plan->services[i], with_keys);
    }
}

static void forget(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->service_count; i++) {
        struct snapshot_service *service = &snapshot->services[i];

        for (size_t k = 0; k < service->credential_count; k++)
            secrets_free(
                (char *)service->credentials[k].bytes, service->credentials[k].len);
        free(service->credentials);
        secrets_free(
            (char *)service->backend_credential.bytes, service->backend_credential.len);
    }
    free(snapshot->services);
}

static bool make_snapshot(struct release *release, bool with_keys, struct error *err)
{
    struct snapshot snapshot;
    size_t size;
    bool made;

    describe(&snapshot, release->id, release->plan, with_keys);
    size = snapshot_size(&snapshot);
    made = sealed_make(&release->snapshot, size, err);
    if (made)
        snapshot_encode(&snapshot, release->snapshot.bytes, size);
    forget(&snapshot);
    return made;
}

static size_t count_credentials(const struct plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->settings->service_count; i++)
        count += plan->services[i].credential_count +
            (plan->services[i].backend_credential != NULL);
    return count;
}

static void add_key(struct key_snapshot *keys, const struct credential *from)
{
    struct key_snapshot_key *to = &keys->keys[keys->count++];

    to->number = credential_key_number(from);
    to->der = (const char *)credential_key_der(from, &to->len);
}

static bool make_keys(struct release *release, struct error *err)
{
    const struct plan *plan = release->plan;
    struct key_snapshot keys = {.id = release->id,
        .keys = memory_array(count_credentials(plan), sizeof(*keys.keys))};
    size_t size;
    bool made;

    for (size_t i = 0; i < plan->settings->service_count; i++) {
        for (size_t k = 0; k < plan->services[i].credential_count; k++)
            add_key(&keys, plan->services[i].credentials[k]);
        if (plan->services[i].backend_credential != NULL)
            add_key(&keys, plan->services[i].backend_credential);
    }
    size = key_snapshot_size(&keys);
    made = sealed_make(&release->keys, size, err);
    if (made)
        key_snapshot_encode(&keys, release->keys.bytes, size);
    free(keys.keys);
    return made;
}

struct release *release_new(
    uint32_t id, struct plan *plan, bool signer, struct error *err)
{
    struct release *release = memory_new(sizeof(*release));

    release->id = id;
    release->plan = plan;
    release->snapshot.fd = release->keys.fd = -1;
    if (make_snapshot(release, !signer, err) && (!signer || make_keys(release, err)))
        return release;
    release_free(release);
    return NULL;
}

void release_free(struct release *release)
{
    if (release == NULL)
        return;
    sealed_wipe(&release->snapshot);
    sealed_wipe(&release->keys);
    plan_free(release->plan);
    free(release);
}
