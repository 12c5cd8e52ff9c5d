#include "proxy/master/plan_backends.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "certstore/finding.h"
#include "config/connect_line.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/ipc/addresses.h"
#include "proxy/master/helper.h"
#include "proxy/master/plan.h"

enum { BACKENDS_MAX = ADDRESSES_COUNT_MAX };

static void append(struct plan_service *service, uint32_t line,
    const struct endpoint *list, size_t count)
{
    for (size_t i = 0; i < count && service->backend_count < BACKENDS_MAX; i++)
        service->backends[service->backend_count++] =
            (struct snapshot_backend){.endpoint = list[i], .connect = line};
}

static void add_unresolved(
    struct findings *findings, const char *connect, const struct error *err)
{
    findings_add(findings, "name-not-resolved", SEVERITY_WARNING, NULL,
        "without an address known from before, its requests are answered 503",
        "the name is tried again every resolve_interval", "connect %s: %s", connect,
        err->text);
}

bool plan_backends_resolve(struct plan_service *service,
    const struct service_settings *settings, const struct identity *identity,
    struct findings *findings, struct error *err)
{
    struct endpoint list[BACKENDS_MAX];

    service->backends = memory_array(BACKENDS_MAX, sizeof(*service->backends));
    for (uint32_t line = 0; line < settings->connect.count; line++) {
        struct connect_line written;
        size_t found;

        if (!connect_line_parse(settings->connect.items[line], &written, err))
            return error_context(err, "connect");
        found = helper_resolve(identity, written.address, ENDPOINT_CONNECT, list,
            BACKENDS_MAX, HELPER_DEADLINE, err);
        if (found == 0 && !endpoint_is_name(written.address, ENDPOINT_CONNECT))
            return error_context(err, "connect");
        if (found == 0)
            add_unresolved(findings, written.address, err);
        if (found > BACKENDS_MAX - service->backend_count)
            return error_set(err, "connect: more than %d addresses", BACKENDS_MAX);
        append(service, line, list, found);
    }
    return true;
}

static bool is_line(const struct service_settings *settings, uint32_t line,
    const struct addresses *addresses)
{
    return strcmp(settings->connect.items[line], addresses->connect) == 0;
}

/* False: the service has no such line. */
static bool get_from(const struct plan_service *service,
    const struct service_settings *settings, struct addresses *addresses)
{
    for (uint32_t line = 0; line < settings->connect.count; line++) {
        if (!is_line(settings, line, addresses))
            continue;
        for (size_t i = 0; i < service->backend_count; i++) {
            if (service->backends[i].connect == line)
                addresses->list[addresses->count++] = service->backends[i].endpoint;
        }
        return true;
    }
    return false;
}

void plan_backends_get(const struct plan *plan, struct addresses *addresses)
{
    addresses->count = 0;
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        if (get_from(&plan->services[i], &plan->settings->services[i], addresses))
            return;
    }
}

static void set_in(struct plan_service *service, const struct service_settings *settings,
    const struct addresses *addresses)
{
    struct snapshot_backend *old = service->backends;
    size_t old_count = service->backend_count;

    service->backends = memory_array(BACKENDS_MAX, sizeof(*service->backends));
    service->backend_count = 0;
    for (uint32_t line = 0; line < settings->connect.count; line++) {
        if (is_line(settings, line, addresses)) {
            append(service, line, addresses->list, addresses->count);
            continue;
        }
        for (size_t i = 0; i < old_count; i++) {
            if (old[i].connect == line)
                append(service, line, &old[i].endpoint, 1);
        }
    }
    free(old);
}

void plan_backends_set(struct plan *plan, const struct addresses *addresses)
{
    for (size_t i = 0; i < plan->settings->service_count; i++)
        set_in(&plan->services[i], &plan->settings->services[i], addresses);
}

void plan_backends_keep(struct plan *plan, const struct plan *served)
{
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct text_list *connect = &plan->settings->services[i].connect;

        for (size_t line = 0; line < connect->count; line++) {
            struct addresses known = {.connect = connect->items[line]};

            plan_backends_get(plan, &known);
            if (known.count > 0)
                continue;
            plan_backends_get(served, &known);
            if (known.count > 0)
                plan_backends_set(plan, &known);
        }
    }
}
