#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "proxy/base/log.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/session/balancer.h"
#include "proxy/session/clients.h"
#include "proxy/worker/served.h"
#include "proxy/worker/worker_state.h"

static void log_generations(const struct worker *w, struct worker_stats *report)
{
    for (const struct list *node = w->generations.next; node != &w->generations;
         node = node->next) {
        const struct generation *g = container_of(node, struct served, link)->generation;
        struct worker_generation_stats *entry =
            &report->generations[report->generation_count];

        if (report->generation_count == REPORT_GENERATIONS_MAX)
            return;
        entry->id = g->id;
        entry->clients = g->clients;
        entry->age_ms = loop_now(&w->loop) - g->began;
        report->generation_count++;
    }
}

static void client_log_service(const struct service *service, struct worker_stats *report)
{
    for (size_t i = 0; i < balancer_count(service->balancer); i++) {
        const struct backend_address *address = balancer_at(service->balancer, i);
        struct worker_backend_stats *entry = &report->backends[report->backend_count];

        if (report->backend_count == REPORT_BACKENDS_MAX)
            return;
        snprintf(entry->service, sizeof(entry->service), "%s", service->settings->name);
        snprintf(entry->address, sizeof(entry->address), "%s", address->endpoint.text);
        entry->up = balancer_is_up(address);
        entry->backup = address->backup;
        entry->weight = address->weight;
        entry->active = address->active;
        report->backend_count++;
    }
}

static uint64_t page_faults(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_minflt : 0;
}

void worker_collect(const struct worker *w, struct worker_stats *report)
{
    memset(report, 0, sizeof(*report));
    report->counters = *clients_counters(w->clients);
    report->services = *clients_services(w->clients);
    report->backend_connections = clients_backends(w->clients);
    report->log_lost = log_lost();
    report->page_faults = page_faults();
    log_generations(w, report);
    for (size_t i = 0;
         w->current != NULL && i < w->current->generation->settings->service_count; i++)
        client_log_service(&w->current->generation->services[i], report);
}
