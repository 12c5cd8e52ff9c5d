/*
 * counters_json.h - what workers have counted, summed up and as JSON (control.h).
 */
#ifndef WLBPROXY_MASTER_COUNTERS_JSON_H
#define WLBPROXY_MASTER_COUNTERS_JSON_H

#include <jansson.h>

#include "proxy/base/counters.h"

void counters_add(struct counters *sum, const struct counters *one);

json_t *counters_json(const struct counters *counters);
json_t *ends_json(const struct counters *counters); /* without zeroes */
json_t *tally_json(const struct tls_counts *tally); /* with zeroes */

#endif
