/*
 * counters_json.h - what workers have counted, as JSON (control.h), zeroes too.
 */
#ifndef WLBPROXY_MASTER_COUNTERS_JSON_H
#define WLBPROXY_MASTER_COUNTERS_JSON_H

#include <jansson.h>

#include "proxy/base/counters.h"

json_t *counters_json(const struct counters *counters);
json_t *ends_json(const struct counters *counters);
json_t *tally_json(const struct tls_counts *tally);

#endif
