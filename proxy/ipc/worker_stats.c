#include "proxy/ipc/worker_stats.h"

#include <stdio.h>
#include <string.h>

#include "proxy/ipc/wire.h"

enum { GENERATION_BYTES = 16, BACKEND_BYTES = 56 };

size_t worker_stats_encode(
    const struct worker_stats *report, char *bytes, size_t capacity)
{
    struct wire_writer w = {.bytes = bytes, .capacity = capacity};

    wire_put_bytes(&w, &report->counters, sizeof(report->counters));
    wire_put_u32(&w, (uint32_t)report->services.count);
    wire_put_bytes(&w, report->services.items,
        report->services.count * sizeof(report->services.items[0]));
    wire_put_text(&w, report->denied.service);
    wire_put_text(&w, report->denied.address);
    wire_put_text(&w, report->denied.rule);
    wire_put_u64(&w, report->denied.ago_ms);
    wire_put_u32(&w, report->backend_connections);
    wire_put_u64(&w, report->log_lost);
    wire_put_u64(&w, report->page_faults);
    wire_put_u32(&w, (uint32_t)report->generation_count);
    for (size_t i = 0; i < report->generation_count; i++) {
        wire_put_u32(&w, report->generations[i].id);
        wire_put_u32(&w, report->generations[i].clients);
        wire_put_u64(&w, report->generations[i].age_ms);
    }
    wire_put_u32(&w, (uint32_t)report->backend_count);
    for (size_t i = 0; i < report->backend_count; i++) {
        wire_put_text(&w, report->backends[i].service);
        wire_put_text(&w, report->backends[i].address);
        wire_put_u32(&w, report->backends[i].up);
        wire_put_u32(&w, report->backends[i].backup);
        wire_put_u32(&w, report->backends[i].weight);
        wire_put_u32(&w, report->backends[i].active);
        wire_put_u32(&w, report->backends[i].state);
        wire_put_u64(&w, report->backends[i].since_ms);
        wire_put_u32(&w, report->backends[i].share);
        wire_put_text(&w, report->backends[i].reason);
    }
    return w.len;
}

/* The text goes into JSON and to a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
    }
}

static void get_text(struct wire_reader *r, char *text, size_t size)
{
    const char *got = wire_get_text(r);

    snprintf(text, size, "%s", got != NULL ? got : "");
    make_printable(text);
}

static void get_services(struct wire_reader *r, struct service_counts_list *services)
{
    const size_t count = wire_get_u32(r);
    size_t len;
    const char *items = wire_get_bytes(r, &len);

    if (count > SERVICE_COUNTS_MAX || len != count * sizeof(services->items[0])) {
        r->failed = true;
        return;
    }
    services->count = count;
    if (count > 0)
        memcpy(services->items, items, len);
    for (size_t i = 0; i < count; i++) {
        services->items[i].service[SERVICE_COUNTS_NAME - 1] = '\0';
        make_printable(services->items[i].service);
    }
}

static void get_denied(struct wire_reader *r, struct worker_denied_stats *denied)
{
    get_text(r, denied->service, sizeof(denied->service));
    get_text(r, denied->address, sizeof(denied->address));
    get_text(r, denied->rule, sizeof(denied->rule));
    denied->ago_ms = wire_get_u64(r);
}

static void get_generations(struct wire_reader *r, struct worker_stats *report)
{
    report->generation_count = wire_get_count(r, GENERATION_BYTES);
    if (report->generation_count > REPORT_GENERATIONS_MAX)
        r->failed = true;
    for (size_t i = 0; i < report->generation_count && !r->failed; i++) {
        report->generations[i].id = wire_get_u32(r);
        report->generations[i].clients = wire_get_u32(r);
        report->generations[i].age_ms = wire_get_u64(r);
    }
}

static enum backend_report get_state(struct wire_reader *r)
{
    uint32_t state = wire_get_u32(r);

    r->failed = r->failed || state >= BACKEND_REPORT_COUNT;
    return r->failed ? BACKEND_REPORT_UP : (enum backend_report)state;
}

static void get_backends(struct wire_reader *r, struct worker_stats *report)
{
    report->backend_count = wire_get_count(r, BACKEND_BYTES);
    if (report->backend_count > REPORT_BACKENDS_MAX)
        r->failed = true;
    for (size_t i = 0; i < report->backend_count && !r->failed; i++) {
        struct worker_backend_stats *backend = &report->backends[i];

        get_text(r, backend->service, sizeof(backend->service));
        get_text(r, backend->address, sizeof(backend->address));
        backend->up = wire_get_u32(r) != 0;
        backend->backup = wire_get_u32(r) != 0;
        backend->weight = wire_get_u32(r);
        backend->active = wire_get_u32(r);
        backend->state = get_state(r);
        backend->since_ms = wire_get_u64(r);
        backend->share = wire_get_u32(r);
        get_text(r, backend->reason, sizeof(backend->reason));
    }
}

bool worker_stats_decode(struct worker_stats *report, const char *bytes, size_t len)
{
    struct wire_reader r = {.left = {(const void *)bytes, len}};
    size_t counters_len;
    const char *counters = wire_get_bytes(&r, &counters_len);

    memset(report, 0, sizeof(*report));
    if (counters_len != sizeof(report->counters))
        return false;
    memcpy(&report->counters, counters, counters_len);
    get_services(&r, &report->services);
    get_denied(&r, &report->denied);
    report->backend_connections = wire_get_u32(&r);
    report->log_lost = wire_get_u64(&r);
    report->page_faults = wire_get_u64(&r);
    get_generations(&r, report);
    get_backends(&r, report);
    return wire_ended(&r);
}
