/*
 * counters.h - what a worker has counted since it started: plain uint64 fields that only
 * grow, and gauges. One table, from which `status` and its JSON are printed.
 */
#ifndef WLBPROXY_BASE_COUNTERS_H
#define WLBPROXY_BASE_COUNTERS_H

#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/base/tls_counts.h"

/* field, name in `status --json` */
#define COUNTERS(X)                                                                      \
    X(accepted, "accepted")                                                              \
    X(handshakes_full, "handshakes_full")                                                \
    X(handshakes_resumed, "handshakes_resumed")                                          \
    X(handshakes_failed, "handshakes_failed")                                            \
    X(handshakes_shed, "handshakes_shed")                                                \
    X(requests, "requests")                                                              \
    X(responses_own, "responses_own")                                                    \
    X(bytes_from_clients, "bytes_from_clients")                                          \
    X(bytes_to_clients, "bytes_to_clients")                                              \
    X(backend_connects, "backend_connects")                                              \
    X(backend_reuses, "backend_reuses")                                                  \
    X(backend_failures, "backend_failures")                                              \
    X(accept_errors, "accept_errors")

struct counters {
#define X(field, name) uint64_t field;
    COUNTERS(X)
#undef X
    uint64_t ends[END_REASON_COUNT];
    struct tls_counts tls; /* of handshakes_full, _resumed and _failed */
    uint64_t clients, handshakes_in_progress; /* gauges */
};

#endif
