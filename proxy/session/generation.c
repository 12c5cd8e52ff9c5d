#include "proxy/session/generation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/connect_line.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"
#include "proxy/session/access_rules.h"
#include "proxy/session/balancer.h"

struct generation *generation_new(uint32_t id, struct settings *settings)
{
    struct generation *g = memory_new(sizeof(*g));

    g->refs = 1;
    g->id = id;
    g->settings = settings;
    g->services = memory_array(settings->service_count, sizeof(*g->services));
    for (size_t i = 0; i < settings->service_count; i++) {
        g->services[i].settings = &settings->services[i];
        g->services[i].generation = g;
        g->has_names = g->has_names || settings->services[i].sni.count > 0;
        g->access_differs = g->access_differs ||
            !access_rules_are_equal(&settings->services[0], &settings->services[i]);
        g->services[i].rules = access_rules_new(&settings->services[i]);
        g->services[i].balancer =
            balancer_new(settings->services[i].balance, settings->services[i].slow_start);
        idle_connections_init(&g->services[i].idle);
    }
    return g;
}

void service_set_addresses(const struct service *service, uint32_t connect,
    const struct endpoint *list, size_t count)
{
    struct connect_line written;
    struct error ignored; /* it was parsed with the settings */
    struct balancer_line line = {.connect = connect, .weight = 1};

    if (connect_line_parse(service->settings->connect.items[connect], &written, &ignored))
        line = (struct balancer_line){connect, written.weight, written.backup};
    balancer_set_addresses(service->balancer, &line, list, count);
}

struct service *generation_service(const struct generation *generation, const char *name)
{
    for (size_t i = 0; i < generation->settings->service_count; i++) {
        if (strcmp(generation->services[i].settings->name, name) == 0)
            return &generation->services[i];
    }
    return NULL;
}

void generation_inherit(struct generation *generation, const struct generation *from)
{
    for (size_t i = 0; i < generation->settings->service_count; i++) {
        struct service *service = &generation->services[i];
        const struct service *old = generation_service(from, service->settings->name);

        if (old != NULL)
            balancer_inherit(service->balancer, old->balancer);
    }
}

struct generation *generation_ref(struct generation *generation)
{
    assert(generation->refs > 0);
    generation->refs++;
    return generation;
}

static void destroy(struct generation *g)
{
    for (size_t i = 0; i < g->settings->service_count; i++) {
        struct service *service = &g->services[i];

        access_rules_free(service->rules);
        balancer_free(service->balancer);
        idle_connections_destroy(&service->idle);
        if (service->tls != NULL && g->free_tls != NULL)
            g->free_tls(service->tls);
        if (service->backend_tls != NULL && g->free_tls != NULL)
            g->free_tls(service->backend_tls);
    }
    free(g->services);
    settings_free(g->settings);
}

void generation_unref(struct generation *generation)
{
    if (generation == NULL)
        return;
    assert(generation->refs > 0);
    if (--generation->refs > 0)
        return;
    destroy(generation);
    if (generation->freed != NULL)
        generation->freed(generation, generation->owner);
    free(generation);
}
