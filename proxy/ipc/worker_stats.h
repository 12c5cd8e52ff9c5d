/*
 * worker_stats.h - a worker's answer to the master: its counters, the generations it
 * still holds, the state of its backends. Pure encoding.
 */
#ifndef WLBPROXY_IPC_WORKER_STATS_H
#define WLBPROXY_IPC_WORKER_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "proxy/base/counters.h"
#include "proxy/base/service_counts.h"

enum {
    REPORT_GENERATIONS_MAX = 64,
    REPORT_BACKENDS_MAX = 64,
    REPORT_NAME_MAX = 64,
    REPORT_REASON_MAX = 96
};

struct worker_generation_stats {
    uint32_t id, clients;
    uint64_t age_ms;
};

/* The worst of what a worker knows of a backend; the later ones count for more. */
#define BACKEND_REPORTS(X)                                                               \
    X(UP, "up")                                                                          \
    X(STARTING, "starting") /* slow_start */                                             \
    X(DOWN, "down") /* by its connections */                                             \
    X(FAILING, "failing") /* by its health checks */                                     \
    X(DRAINED, "drained")

enum backend_report {
#define X(name, text) BACKEND_REPORT_##name,
    BACKEND_REPORTS(X)
#undef X
        BACKEND_REPORT_COUNT
};

struct worker_backend_stats {
    char service[REPORT_NAME_MAX];
    char address[ENDPOINT_TEXT_MAX];
    bool up, backup; /* up: not found down, drained or not */
    uint32_t weight, active;
    enum backend_report state;
    uint64_t since_ms; /* since its last change; 0: there was none */
    uint32_t share; /* percent of its weight */
    char reason[REPORT_REASON_MAX]; /* of the last fault; "": none */
};

/* The last client that allow and deny did not admit; address "": there was none. */
struct worker_denied_stats {
    char service[REPORT_NAME_MAX], address[ENDPOINT_TEXT_MAX], rule[REPORT_REASON_MAX];
    uint64_t ago_ms;
};

struct worker_stats {
    struct counters counters;
    struct service_counts_list services;
    struct worker_denied_stats denied;
    uint32_t backend_connections;
    uint64_t log_lost;
    double
        answered_after; /* s that the question waited for its loop; set by the master */
    uint64_t page_faults; /* minor ones: pages that the kernel had to map */
    struct worker_generation_stats
        generations[REPORT_GENERATIONS_MAX]; /* the oldest first */
    size_t generation_count;
    struct worker_backend_stats backends[REPORT_BACKENDS_MAX];
    size_t backend_count;
};

size_t worker_stats_encode(
    const struct worker_stats *report, char *bytes, size_t capacity);
bool worker_stats_decode(struct worker_stats *report, const char *bytes, size_t len);

#endif
