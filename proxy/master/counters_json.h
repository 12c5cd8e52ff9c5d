/*
 * counters_json.h - the workers' counters as JSON (control.h), including zeroes.
 */
#ifndef WLBPROXY_MASTER_COUNTERS_JSON_H
#define WLBPROXY_MASTER_COUNTERS_JSON_H

#include <jansson.h>

#include "proxy/base/counters.h"
#include "proxy/base/service_counts.h"

json_t *counters_json(const struct counters *counters);
json_t *ends_json(const struct counters *counters);
json_t *states_json(const struct counters *counters);
json_t *latencies_json(const struct counters *counters);
json_t *responses_json(const struct service_counts_list *list);
json_t *tally_json(const struct tls_counts *tally);

#endif
