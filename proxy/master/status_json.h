/*
 * status_json.h - makes the answer to `status` (its content is in control.h).
 */
#ifndef WLBPROXY_MASTER_STATUS_JSON_H
#define WLBPROXY_MASTER_STATUS_JSON_H

#include <jansson.h>

struct disk_look;
struct status_sources;
struct worker_stats;
struct signing_stats;

/* reports[slot] NULL: that worker did not answer; so with signers[slot]; disk NULL or not
 * done: unknown. */
json_t *status_json(const struct status_sources *of, struct worker_stats *const *reports,
    struct signing_stats *const *signers, const struct disk_look *disk);

#endif
