#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "config/network.h"
#include "proxy/base/log.h"
#include "proxy/crypto/operation.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/session/balancer.h"
#include "proxy/session/clients.h"
#include "proxy/session/denied_log.h"
#include "proxy/worker/served.h"
#include "proxy/worker/worker_state.h"

static void collect_generations(const struct worker *w, struct worker_stats *report)
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

static enum backend_report state_of(const struct backend_address *address, unsigned share)
{
    const struct backend_condition *condition = address->condition;

    if (condition->drained)
        return BACKEND_REPORT_DRAINED;
    if (condition->verdict == CHECK_FAILING)
        return BACKEND_REPORT_FAILING;
    if (!balancer_is_up(address))
        return BACKEND_REPORT_DOWN;
    return share < CONDITION_SHARE_WHOLE ? BACKEND_REPORT_STARTING : BACKEND_REPORT_UP;
}

static void report_condition(const struct service *service,
    const struct backend_address *address, uint64_t now,
    struct worker_backend_stats *entry)
{
    struct backend_condition *condition = address->condition;
    unsigned share = condition_share(condition, service->settings->slow_start, now);

    entry->state = state_of(address, share);
    entry->share = share * 100 / CONDITION_SHARE_WHOLE;
    entry->up = address->health == HEALTH_UP && condition->verdict != CHECK_FAILING;
    entry->since_ms = condition->changed > 0 ? now - condition->changed : 0;
    snprintf(entry->reason, sizeof(entry->reason), "%s", condition->reason);
}

static void collect_backends(
    const struct service *service, uint64_t now, struct worker_stats *report)
{
    for (size_t i = 0; i < balancer_count(service->balancer); i++) {
        const struct backend_address *address = balancer_at(service->balancer, i);
        struct worker_backend_stats *entry = &report->backends[report->backend_count];

        if (report->backend_count == REPORT_BACKENDS_MAX)
            return;
        snprintf(entry->service, sizeof(entry->service), "%s", service->settings->name);
        snprintf(entry->address, sizeof(entry->address), "%s", address->endpoint.text);
        report_condition(service, address, now, entry);
        entry->backup = address->backup;
        entry->weight = address->weight;
        entry->active = address->active;
        report->backend_count++;
    }
}

static void collect_denied(const struct worker *w, struct worker_denied_stats *entry)
{
    const struct denied_log *denied = clients_denied(w->clients);

    if (denied->last.when == 0)
        return;
    entry->ago_ms = loop_now(&w->loop) - denied->last.when;
    snprintf(entry->service, sizeof(entry->service), "%s", denied->last.service);
    snprintf(entry->rule, sizeof(entry->rule), "%s", denied->last.rule);
    network_describe(&denied->last.address, entry->address);
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
    report->counters.batch_lanes_offered = operations_lanes().offered;
    report->counters.batch_lanes_used = operations_lanes().used;
    report->services = *clients_services(w->clients);
    collect_denied(w, &report->denied);
    report->backend_connections = clients_backends(w->clients);
    report->log_lost = log_lost();
    report->page_faults = page_faults();
    collect_generations(w, report);
    for (size_t i = 0;
         w->current != NULL && i < w->current->generation->settings->service_count; i++)
        collect_backends(
            &w->current->generation->services[i], loop_now(&w->loop), report);
}
