/*
 * counters.h - what a worker has counted since it started: plain uint64 fields that only
 * grow, and gauges.
 *
 * COUNTERS is the part of the one table of metrics (metrics.h) that is a field each: it
 * declares the field, and names it in `status`, its JSON, /metrics and docs/metrics.md.
 */
#ifndef WLBPROXY_BASE_COUNTERS_H
#define WLBPROXY_BASE_COUNTERS_H

#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/base/tls_counts.h"

/* field (and name in `status --json`), kind, name in /metrics, unit, meaning */
#define COUNTERS(X)                                                                      \
    X(accepted, COUNTER, "connections_accepted", "", "Connections that were accepted.")  \
    X(handshakes_full, COUNTER, "handshakes_full", "",                                   \
        "Handshakes that were completed with a new session.")                            \
    X(handshakes_resumed, COUNTER, "handshakes_resumed", "",                             \
        "Handshakes that resumed a session.")                                            \
    X(handshakes_failed, COUNTER, "handshakes_failed", "", "Handshakes that failed.")    \
    X(handshakes_shed, COUNTER, "handshakes_shed", "",                                   \
        "Handshakes that were given up to make room for others.")                        \
    X(requests, COUNTER, "requests", "", "Requests whose head was accepted.")            \
    X(responses_own, COUNTER, "error_replies", "",                                       \
        "Replies that the proxy made itself; docs/replies.md lists them.")               \
    X(bytes_from_clients, COUNTER, "client_received_bytes", "bytes",                     \
        "Bytes from clients, decrypted.")                                                \
    X(bytes_to_clients, COUNTER, "client_sent_bytes", "bytes",                           \
        "Bytes to clients, before encryption.")                                          \
    X(backend_connects, COUNTER, "backend_connects", "",                                 \
        "Connections to backends that were begun.")                                      \
    X(backend_reuses, COUNTER, "backend_reuses", "",                                     \
        "Requests that used an idle connection to their backend.")                       \
    X(backend_failures, COUNTER, "backend_failures", "",                                 \
        "Connections to backends that failed, and replies that were refused.")           \
    X(accept_errors, COUNTER, "accept_errors", "",                                       \
        "accept() calls that failed; the log says why.")                                 \
    X(connections, GAUGE, "connections", "", "Connections of clients now.")              \
    X(handshakes_in_progress, GAUGE, "handshakes_in_progress", "",                       \
        "Connections whose handshake is not complete.")

/* Nothing but uint64_t: it is added up as an array. */
struct counters {
#define X(field, kind, name, unit, meaning) uint64_t field;
    COUNTERS(X)
#undef X
    uint64_t ends[END_REASON_COUNT];
    struct tls_counts tls; /* of handshakes_full, _resumed and _failed */
};

void counters_add(struct counters *sum, const struct counters *one);

#endif
