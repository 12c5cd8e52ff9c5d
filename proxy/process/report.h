/*
 * report.h - what a worker tells about itself when asked: what it has counted, the
 * generations it still holds, how its backends are. Pure encoding.
 */
#ifndef WLBPROXY_PROCESS_REPORT_H
#define WLBPROXY_PROCESS_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "proxy/session/counters.h"

enum { REPORT_GENERATIONS_MAX = 64, REPORT_BACKENDS_MAX = 64, REPORT_NAME_MAX = 64 };

struct report_generation {
    uint32_t id, clients;
    uint64_t age_ms;
};

struct report_backend {
    char service[REPORT_NAME_MAX];
    char address[ENDPOINT_TEXT_MAX];
    bool up;
};

struct report {
    struct counters counters;
    uint64_t log_lost;
    struct report_generation generations[REPORT_GENERATIONS_MAX]; /* the oldest first */
    size_t generation_count;
    struct report_backend backends[REPORT_BACKENDS_MAX];
    size_t backend_count;
};

size_t report_encode(const struct report *report, char *bytes, size_t capacity);
bool report_decode(struct report *report, const char *bytes, size_t len);

#endif
