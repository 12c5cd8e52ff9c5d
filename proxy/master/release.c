#include "proxy/master/release.h"

#include <stdlib.h>

#include "certstore/credential.h"
#include "config/error.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/master/plan.h"

static void *array(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (memory == NULL)
        abort();
    return memory;
}

static void pack_credentials(struct snapshot_service *to, const struct plan_service *from)
{
    to->credential_count = from->credential_count;
    to->credentials = array(from->credential_count, sizeof(*to->credentials));
    for (size_t i = 0; i < from->credential_count; i++)
        to->credentials[i].bytes =
            credential_pack(from->credentials[i], &to->credentials[i].len);
}

/* Borrows from the plan all but the packed credentials. */
static void describe(struct snapshot *snapshot, uint32_t id, const struct plan *plan)
{
    *snapshot = (struct snapshot){
        .id = id,
        .settings = plan->text,
        .service_count = plan->settings->service_count,
        .services = array(plan->settings->service_count, sizeof(*snapshot->services)),
        .listeners = plan->listeners,
        .listener_count = plan->listener_count,
    };
    for (size_t i = 0; i < snapshot->service_count; i++) {
        snapshot->services[i].backends = plan->services[i].backends;
        snapshot->services[i].backend_count = plan->services[i].backend_count;
        snapshot->services[i].ca = plan->services[i].ca;
        snapshot->services[i].crl = plan->services[i].crl;
        pack_credentials(&snapshot->services[i], &plan->services[i]);
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
    }
    free(snapshot->services);
}

struct release *release_new(uint32_t id, struct plan *plan, struct error *err)
{
    struct release *release = array(1, sizeof(*release));
    struct snapshot snapshot;
    size_t size;
    bool made;

    release->id = id;
    release->plan = plan;
    describe(&snapshot, id, plan);
    size = snapshot_size(&snapshot);
    made = sealed_make(&release->snapshot, size, err);
    if (made)
        snapshot_encode(&snapshot, release->snapshot.bytes, size);
    forget(&snapshot);
    if (made)
        return release;
    release_free(release);
    return NULL;
}

void release_free(struct release *release)
{
    if (release == NULL)
        return;
    sealed_wipe(&release->snapshot);
    plan_free(release->plan);
    free(release);
}
