/*
 * status_json.h - the answer to `status` (control.h says what is in it).
 */
#ifndef WLBPROXY_MASTER_STATUS_JSON_H
#define WLBPROXY_MASTER_STATUS_JSON_H

#include <jansson.h>

struct disk_look;
struct status_sources;
struct worker_stats;
struct signing_stats;

/* reports[slot] NULL: that worker did not answer, signer NULL: that one did not; disk
 * NULL or not done: not known. */
json_t *status_json(const struct status_sources *of, struct worker_stats *const *reports,
    const struct signing_stats *signer, const struct disk_look *disk);

#endif
