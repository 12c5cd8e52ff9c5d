#include "proxy/master/drained.h"

#include <stdio.h>
#include <string.h>

#include "config/nearest.h"
#include "proxy/base/error.h"
#include "proxy/base/log.h"
#include "proxy/ipc/channel.h"
#include "proxy/master/plan.h"
#include "proxy/master/supervisor.h"

void drained_send(const struct drained *drained, struct child *child)
{
    static char body[CHANNEL_BODY_MAX];
    const struct message message = {.type = MESSAGE_DRAINED_BACKENDS,
        .body = body,
        .len = drained_backends_encode(&drained->backends, body, sizeof(body))};

    if (child != NULL)
        supervisor_send(child, &message);
    else
        supervisor_broadcast(drained->workers, &message);
}

/* ---- the backend that a request names ---- */

static const char *address_at(const struct plan_service *service, size_t index)
{
    return service->backends[index].endpoint.text;
}

static bool has_address(const struct plan_service *service, const char *address)
{
    for (size_t i = 0; i < service->backend_count; i++) {
        if (strcmp(address_at(service, i), address) == 0)
            return true;
    }
    return false;
}

/* Names the nearest word, or lists the possible ones. */
static bool no_such(
    const char *what, const char *text, const struct nearest *nearest, struct error *err)
{
    if (nearest->word != NULL)
        return error_set(
            err, "there is no %s '%s'; did you mean '%s'?", what, text, nearest->word);
    return error_set(
        err, "there is no %s '%s'; `wlbproxy backend` lists all", what, text);
}

static bool find_service(
    const struct plan *plan, const char *name, size_t *index, struct error *err)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        if (strcmp(plan->settings->services[i].name, name) == 0) {
            *index = i;
            return true;
        }
        nearest_offer(&nearest, plan->settings->services[i].name);
    }
    return no_such("service", name, &nearest, err);
}

/* Searches all services for that address. */
static bool find_by_address(
    const struct plan *plan, const char *address, size_t *index, struct error *err)
{
    struct nearest nearest;
    size_t found = 0;

    nearest_init(&nearest, address);
    for (size_t i = 0; i < plan->settings->service_count; i++) {
        const struct plan_service *service = &plan->services[i];

        for (size_t k = 0; k < service->backend_count; k++)
            nearest_offer(&nearest, address_at(service, k));
        if (!has_address(service, address))
            continue;
        *index = i;
        found++;
    }
    if (found > 1)
        return error_set(
            err, "several services have the backend %s: name the service, too", address);
    return found == 1 || no_such("backend", address, &nearest, err);
}

static bool find_only(const struct plan *plan, size_t *index, struct error *err)
{
    *index = 0;
    return plan->settings->service_count == 1 ||
        error_set(err, "there are several services: name one, or an address");
}

static bool find_address(const struct plan_service *service, const char *name,
    const char *address, const char **found, struct error *err)
{
    struct nearest nearest;

    if (address == NULL && service->backend_count != 1)
        return error_set(err, "service %s has %zu backends: name one by its address",
            name, service->backend_count);
    if (address == NULL) {
        *found = address_at(service, 0);
        return true;
    }
    nearest_init(&nearest, address);
    for (size_t i = 0; i < service->backend_count; i++) {
        *found = address_at(service, i);
        if (strcmp(*found, address) == 0)
            return true;
        nearest_offer(&nearest, *found);
    }
    return no_such("backend", address, &nearest, err);
}

bool drained_find(const struct plan *plan, const char *service, const char *address,
    struct named_backend *found, struct error *err)
{
    size_t index = 0;
    bool known = service != NULL ? find_service(plan, service, &index, err)
        : address != NULL        ? find_by_address(plan, address, &index, err)
                                 : find_only(plan, &index, err);

    if (!known)
        return false;
    found->service = plan->settings->services[index].name;
    return find_address(
        &plan->services[index], found->service, address, &found->address, err);
}

/* ---- the list ---- */

static bool append(
    struct drained *drained, const struct named_backend *backend, time_t since)
{
    struct drained_backends *list = &drained->backends;
    struct drained_backend *one = &list->list[list->count];

    if (list->count == DRAINED_BACKENDS_MAX)
        return false;
    snprintf(one->service, sizeof(one->service), "%s", backend->service);
    snprintf(one->address, sizeof(one->address), "%s", backend->address);
    drained->since[list->count++] = since;
    return true;
}

static void remove_at(struct drained *drained, size_t index)
{
    struct drained_backends *list = &drained->backends;

    list->count--;
    list->list[index] = list->list[list->count];
    drained->since[index] = drained->since[list->count];
}

bool drained_set(struct drained *drained, const struct named_backend *backend,
    bool is_drained, bool *changed, struct error *err)
{
    long index =
        drained_backends_find(&drained->backends, backend->service, backend->address);

    *changed = (index >= 0) != is_drained;
    if (!*changed)
        return true;
    if (!is_drained)
        remove_at(drained, (size_t)index);
    else if (!append(drained, backend, time(NULL)))
        return error_set(
            err, "there are %d drained backends already", DRAINED_BACKENDS_MAX);
    if (is_drained)
        log_info("event=backend_drained service=%s backend=%s", backend->service,
            backend->address);
    else
        log_info("event=backend_enabled service=%s backend=%s", backend->service,
            backend->address);
    drained_send(drained, NULL);
    return true;
}

time_t drained_since(
    const struct drained *drained, const char *service, const char *address)
{
    long index = drained_backends_find(&drained->backends, service, address);

    return index >= 0 ? drained->since[index] : 0;
}

void drained_update(struct drained *drained, const struct plan *plan)
{
    const size_t before = drained->backends.count;
    size_t i = 0;

    while (i < drained->backends.count) {
        const struct drained_backend *one = &drained->backends.list[i];
        const struct plan_service *service = plan_service(plan, one->service);

        if (service != NULL && has_address(service, one->address)) {
            i++;
            continue;
        }
        log_info("event=backend_drain_forgotten service=%s backend=%s", one->service,
            one->address);
        remove_at(drained, i);
    }
    if (drained->backends.count < before)
        drained_send(drained, NULL);
}

void drained_inherit(
    struct drained *drained, const char *service, const char *address, time_t since)
{
    const struct named_backend backend = {service, address};

    if (drained_backends_find(&drained->backends, service, address) < 0)
        (void)append(drained, &backend, since);
}
