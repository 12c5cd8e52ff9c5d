/*
 * metrics.h - the one table of all metrics: name, kind, unit, meaning, and the place of
 * the value in `status --json`.
 *
 * `status`, /metrics, docs/metrics.md and the manual page are made from it. A path names
 * members, with dots between them:
 *
 *     counters.requests             the value
 *     tls.versions.*version         each member; its key is the label
 *     workers[worker].uptime        each element of a list; its member is the label
 *     services[service=name].x      the same, with another name for the label
 *     (version,crypto)              labels of the object itself
 *
 * A histogram's path leads to an object with count, sum and buckets. Values are numbers,
 * true and false (1 and 0), or times in RFC 3339 (seconds since 1970). A member that is
 * missing or null has no value.
 */
#ifndef WLBPROXY_BASE_METRICS_H
#define WLBPROXY_BASE_METRICS_H

#include <stddef.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_INFO };

struct metric {
    const char *name; /* without "wlbproxy_" and "_total" */
    enum metric_kind kind;
    const char *unit; /* the end of the name; "" = none */
    const char *meaning;
    const char *path;
};

extern const struct metric metrics[];
extern const size_t metrics_count;

extern const char *const metric_kind_names[]; /* by enum metric_kind */

#endif
