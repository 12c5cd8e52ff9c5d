#include "proxy/master/status_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "certstore/credential.h"
#include "certstore/finding.h"
#include "proxy/base/descriptor_limit.h"
#include "proxy/base/utf8_json.h"
#include "proxy/ipc/worker_stats.h"
#include "proxy/master/counters_json.h"
#include "proxy/master/denied_json.h"
#include "proxy/master/describe.h"
#include "proxy/master/disk_look.h"
#include "proxy/master/drained.h"
#include "proxy/master/plan.h"
#include "proxy/master/regression.h"
#include "proxy/master/release.h"
#include "proxy/master/reload.h"
#include "proxy/master/signer_json.h"
#include "proxy/master/status.h"
#include "proxy/master/ticket_rotation.h"
#include "proxy/master/verdict.h"

struct generation_sum {
    uint32_t id;
    json_int_t clients, age;
};

#define X(name, text) [BACKEND_REPORT_##name] = (text),
static const char *const backend_states[] = {BACKEND_REPORTS(X)};
#undef X

/* The state, since when, and why, as far as there is something to say. */
static void set_state(
    json_t *object, const struct worker_backend_stats *backend, time_t drained_since)
{
    time_t since =
        backend->since_ms > 0 ? time(NULL) - (time_t)(backend->since_ms / 1000) : 0;

    if (drained_since > 0)
        since = drained_since;
    json_object_set_new(object, "state", json_string(backend_states[backend->state]));
    json_object_set_new(object, "share", json_integer(backend->share));
    json_object_set_new(
        object, "drained", json_boolean(backend->state == BACKEND_REPORT_DRAINED));
    if (since > 0)
        json_object_set_new(object, "since", describe_time(since));
    if (*backend->reason != '\0')
        json_object_set_new(object, "reason", utf8_json(backend->reason));
}

static json_t *backends_json(const struct worker_stats *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->backend_count; i++) {
        const struct worker_backend_stats *backend = &report->backends[i];

        json_t *object = json_pack("{so so sb sI sb sI}", "service",
            utf8_json(backend->service), "address", utf8_json(backend->address), "up",
            (int)backend->up, "weight", (json_int_t)backend->weight, "backup",
            (int)backend->backup, "active", (json_int_t)backend->active);

        set_state(object, backend, 0);
        json_array_append_new(list, object);
    }
    return list;
}

/* 0: not known. */
static uint64_t resident_bytes(pid_t pid)
{
    char path[40];
    unsigned long long pages = 0;
    FILE *statm;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    statm = fopen(path, "re");
    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%*u %llu", &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void set_resident(json_t *object, const struct child *child)
{
    uint64_t bytes = resident_bytes(child->pid);

    if (bytes > 0)
        json_object_set_new(object, "rss", json_integer((json_int_t)bytes));
}

/* One for each connection. */
static uint64_t descriptors_of(const struct worker_stats *report)
{
    return report->counters.connections + report->backend_connections;
}

static json_t *worker_json(
    const struct status_sources *of, unsigned slot, const struct worker_stats *report)
{
    const struct child *child = of->workers->slots[slot].child;
    json_t *object = json_pack("{si si sb}", "worker", (int)slot, "restarts",
        (int)of->workers->slots[slot].restarts, "answers", report != NULL);

    if (child != NULL)
        json_object_update_new(object,
            json_pack("{si sI sI ss ss}", "pid", (int)child->pid, "generation",
                (json_int_t)child->serving, "uptime",
                (json_int_t)((uv_now(of->loop) - child->started) / 1000), "crypto",
                child->crypto, "sandbox", child->sandbox));
    if (child != NULL)
        set_resident(object, child);
    if (report != NULL)
        json_object_update_new(object,
            json_pack("{sI sI sf sI sI so so so}", "connections",
                (json_int_t)report->counters.connections, "descriptors",
                (json_int_t)descriptors_of(report), "loop_lag", report->answered_after,
                "log_lines_lost", (json_int_t)report->log_lost, "page_faults",
                (json_int_t)report->page_faults, "counters",
                counters_json(&report->counters), "ends", ends_json(&report->counters),
                "backends", backends_json(report)));
    return object;
}

static void add_generation(
    json_t *list, const struct worker_generation_stats *g, uint32_t current)
{
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        json_t *clients = json_object_get(entry, "connections");

        if (json_integer_value(json_object_get(entry, "generation")) != g->id)
            continue;
        json_integer_set(clients, json_integer_value(clients) + g->clients);
        return;
    }
    json_array_append_new(list,
        json_pack("{sI sI sI sb}", "generation", (json_int_t)g->id, "age",
            (json_int_t)(g->age_ms / 1000), "connections", (json_int_t)g->clients,
            "current", g->id == current));
}

static json_t *generations_json(const struct status_sources *of,
    struct worker_stats *const *reports, uint32_t current)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < of->workers->count; i++) {
        for (size_t k = 0; reports[i] != NULL && k < reports[i]->generation_count; k++)
            add_generation(list, &reports[i]->generations[k], current);
    }
    return list;
}

static bool same_certificates(const struct plan_service *a, const struct plan_service *b)
{
    bool same = a->credential_count == b->credential_count;

    for (size_t i = 0; same && i < a->credential_count; i++)
        same = credential_equal(a->credentials[i], b->credentials[i]);
    return same;
}

/* The worker that thinks worst of a backend says since when, and why. */
static void add_backend(struct worker_backend_stats *sum,
    const struct worker_backend_stats *one, const char *service, const char *address)
{
    if (strcmp(one->service, service) != 0 || strcmp(one->address, address) != 0)
        return;
    if (one->state > sum->state || *sum->reason == '\0')
        snprintf(sum->reason, sizeof(sum->reason), "%s", one->reason);
    if (one->state > sum->state ||
        (one->state == sum->state && one->since_ms > sum->since_ms))
        sum->since_ms = one->since_ms;
    if (one->state > sum->state)
        sum->state = one->state;
    if (one->share < sum->share)
        sum->share = one->share;
    sum->up = sum->up && one->up;
    sum->weight = one->weight;
    sum->backup = one->backup;
    sum->active += one->active;
}

/* Joins what all workers report of one backend. It is down if any worker found it so,
 * because each knows only its own attempts. */
static json_t *backend_json(const struct status_sources *of,
    struct worker_stats *const *reports, const char *service, const char *connect)
{
    const bool tls = strncmp(connect, "tls:", strlen("tls:")) == 0;
    const char *address = connect + (tls ? strlen("tls:") : 0);
    struct worker_backend_stats sum = {.up = true, .share = 100};
    time_t drained = drained_since(of->drained, service, address);
    json_t *object;

    for (unsigned i = 0; i < of->workers->count; i++) {
        for (size_t k = 0; reports[i] != NULL && k < reports[i]->backend_count; k++)
            add_backend(&sum, &reports[i]->backends[k], service, address);
    }
    if (drained > 0)
        sum.state = BACKEND_REPORT_DRAINED;
    object = json_pack("{ss sb sb sI sb sI}", "address", address, "tls", (int)tls, "up",
        (int)sum.up, "weight", (json_int_t)sum.weight, "backup", (int)sum.backup,
        "active", (json_int_t)sum.active);
    set_state(object, &sum, drained);
    return object;
}

static void add_backends(json_t *services, const struct status_sources *of,
    struct worker_stats *const *reports)
{
    const json_t *service, *address;
    size_t i, k;

    json_array_foreach(services, i, service)
    {
        json_t *list = json_array();

        json_array_foreach(
            json_object_get(service, "connect"), k, address) json_array_append_new(list,
            backend_json(of, reports, json_string_value(json_object_get(service, "name")),
                json_string_value(address)));
        json_object_set_new((json_t *)service, "backends", list);
    }
}

static bool has_credential(
    const struct plan_service *service, const struct credential *credential)
{
    for (size_t i = 0; i < service->credential_count; i++) {
        if (credential_equal(service->credentials[i], credential))
            return true;
    }
    return false;
}

/* Adds to each certificate of a service whether the file on disk is the served one. */
static void add_differences(
    json_t *service, const struct plan_service *served, const struct plan_service *there)
{
    const json_t *certificates = json_object_get(service, "certificates");

    for (size_t i = 0; i < served->credential_count; i++)
        json_object_set_new(json_array_get(certificates, i), "differs",
            json_boolean(!has_credential(there, served->credentials[i])));
}

/* Adds to each service its files on disk. */
static void add_disk(json_t *services, const struct plan *served, const struct plan *disk)
{
    size_t i;
    json_t *object;

    json_array_foreach(services, i, object)
    {
        const char *name = served->settings->services[i].name;
        const struct plan_service *there = plan_service(disk, name);

        if (there == NULL) {
            json_object_set_new(object, "differs", json_true());
            continue;
        }
        json_object_set_new(object, "differs",
            json_boolean(!same_certificates(&served->services[i], there)));
        add_differences(object, &served->services[i], there);
        json_object_set_new(object, "disk",
            describe_certificates(
                there, &disk->settings->services[there - disk->services]));
    }
}

static void add_disk_error(json_t *services, const char *sentence)
{
    size_t i;
    json_t *object;

    json_array_foreach(services, i, object)
    {
        json_object_set_new(object, "differs", json_true());
        json_object_set_new(object, "disk_error", utf8_json(sentence));
    }
}

/* A reload compares what is on disk with what is served. */
static void add_refusal(
    json_t *status, const struct plan *served, const struct plan *disk)
{
    struct findings ignored;
    struct error err;

    findings_init(&ignored);
    if (!regression_judge(served, disk, false, time(NULL), &ignored, &err))
        json_object_set_new(status, "disk_error", utf8_json(err.text));
    findings_destroy(&ignored);
}

static void set_disk(json_t *status, json_t *services, const struct plan *served,
    const struct disk_look *disk)
{
    bool pending = false;

    if (disk == NULL || !disk->done) {
        add_disk_error(services, "the files could not be read in time");
    } else if (disk->plan == NULL) {
        add_disk_error(services, disk->err.text);
        json_object_set_new(status, "disk_error", utf8_json(disk->err.text));
    } else {
        add_disk(services, served, disk->plan);
        add_refusal(status, served, disk->plan);
        pending = !plan_equal(served, disk->plan);
    }
    json_object_set_new(status, "reload_pending", json_boolean(pending));
}

static json_t *last_reload_json(const struct reload *reload)
{
    json_t *object = json_pack(
        "{sb so}", "ok", (int)reload->last_ok, "when", describe_time(reload->last_when));

    if (!reload->last_ok)
        json_object_set_new(object, "error", utf8_json(reload->last_err.text));
    return object;
}

static void set_tickets(json_t *status, const struct status_sources *of)
{
    json_t *object = json_pack("{sI}", "keys", (json_int_t)of->tickets->keys.count);
    uint64_t age;

    if (ticket_rotation_age(of->tickets, &age))
        json_object_set_new(object, "age", json_integer((json_int_t)age));
    if (of->tickets->file.rotated != 0)
        json_object_set_new(object, "file", utf8_json(of->tickets->shared.path));
    json_object_set_new(status, "tickets", object);
}

static json_t *workers_json(
    const struct status_sources *of, struct worker_stats *const *reports)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < of->workers->count; i++)
        json_array_append_new(list, worker_json(of, i, reports[i]));
    return list;
}

static void set_sums(
    json_t *status, const struct status_sources *of, struct worker_stats *const *reports)
{
    static struct service_counts_list services;
    struct counters sum;

    memset(&sum, 0, sizeof(sum));
    services.count = 0;
    for (unsigned i = 0; i < of->workers->count; i++) {
        if (reports[i] == NULL)
            continue;
        counters_add(&sum, &reports[i]->counters);
        service_counts_sum(&services, &reports[i]->services);
    }
    json_object_set_new(status, "counters", counters_json(&sum));
    json_object_set_new(status, "states", states_json(&sum));
    json_object_set_new(status, "latency", latencies_json(&sum));
    json_object_set_new(status, "responses", responses_json(&services));
    json_object_set_new(status, "ends", ends_json(&sum));
    json_object_set_new(status, "tls", tally_json(&sum.tls));
}

static json_t *descriptors_json(const struct plan *plan)
{
    return json_pack("{sI sI sI}", "limit", (json_int_t)descriptor_limit(),
        "max_connections", (json_int_t)plan->settings->max_connections, "asked",
        (json_int_t)plan->max_connections_asked);
}

json_t *status_json(const struct status_sources *of, struct worker_stats *const *reports,
    struct signing_stats *const *signers, const struct disk_look *disk)
{
    const struct release *current = of->reload->rollout.current;
    json_t *services = describe_services(current->plan);
    json_t *status =
        json_pack("{sb ss si sI sI so so}", "ok", 1, "version", WLB_VERSION, "pid",
            (int)getpid(), "uptime", (json_int_t)((uv_now(of->loop) - of->began) / 1000),
            "generation", (json_int_t)current->id, "started", describe_time(of->started),
            "config", utf8_json(of->reload->config_path));

    json_t *denied = denied_json(
        current->plan->settings, of->reload->config_path, reports, of->workers->count);

    json_object_set_new(status, "released", describe_time(current->released));
    for (unsigned i = 0; i < of->workers->count; i++) {
        const struct child *child = of->workers->slots[i].child;

        if (child == NULL)
            continue;
        json_object_set_new(status, "crypto", json_string(child->crypto));
        json_object_set_new(status, "sandbox", json_string(child->sandbox));
    }
    json_object_set_new(status, "last_reload", last_reload_json(of->reload));
    json_object_set_new(status, "reloads", reload_history_counts(&of->reload->history));
    json_object_set_new(
        status, "reload_history", reload_history_json(&of->reload->history));
    set_tickets(status, of);
    if (denied != NULL)
        json_object_set_new(status, "denied", denied);
    json_object_set_new(status, "descriptors", descriptors_json(current->plan));
    json_object_set_new(
        status, "generations", generations_json(of, reports, current->id));
    json_object_set_new(status, "workers", workers_json(of, reports));
    json_object_set_new(status, "signer", signer_json(of->signers, signers));
    set_disk(status, services, current->plan, disk);
    add_backends(services, of, reports);
    describe_trust(services, current->plan);
    json_object_set_new(status, "xenserver", verdicts_for(current->plan, NULL));
    json_object_set_new(status, "services", services);
    set_sums(status, of, reports);
    return status;
}
