/*
 * denied_json.h - the last client that allow and deny kept out, for `status`: by which
 * line of the configuration, and what to change if it is to come in.
 */
#ifndef WLBPROXY_MASTER_DENIED_JSON_H
#define WLBPROXY_MASTER_DENIED_JSON_H

#include <jansson.h>

struct settings;
struct worker_stats;

/* reports[i] may be NULL. Returns NULL if no client was kept out. */
json_t *denied_json(const struct settings *settings, const char *config_path,
    struct worker_stats *const *reports, unsigned count);

#endif
