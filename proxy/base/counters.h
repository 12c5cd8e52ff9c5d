/*
 * counters.h - the counters of a worker since it started: plain uint64 fields that only
 * grow, and gauges.
 *
 * COUNTERS is the part of the table of metrics (metrics.h) whose rows are one field each.
 * It declares the field, and names it in `status`, its JSON, /metrics and
 * docs/metrics.md.
 */
#ifndef WLBPROXY_BASE_COUNTERS_H
#define WLBPROXY_BASE_COUNTERS_H

#include <stdint.h>

#include "proxy/base/end_reason.h"
#include "proxy/base/latency.h"
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
    X(error_replies, COUNTER, "error_replies", "",                                       \
        "Replies that the proxy made itself; docs/replies.md lists them.")               \
    X(bytes_from_clients, COUNTER, "client_received_bytes", "bytes",                     \
        "Bytes from clients, decrypted.")                                                \
    X(bytes_to_clients, COUNTER, "client_sent_bytes", "bytes",                           \
        "Bytes to clients, before encryption.")                                          \
    X(backend_connects, COUNTER, "backend_connects", "",                                 \
        "Connections to backends that were begun.")                                      \
    X(backend_reuses, COUNTER, "backend_reuses", "",                                     \
        "Requests that used an idle connection to their backend.")                       \
    X(backend_retries, COUNTER, "backend_retries", "",                                   \
        "Requests that were sent again because no reply came.")                          \
    X(backend_failures, COUNTER, "backend_failures", "",                                 \
        "Connections to backends that failed, and replies that were refused.")           \
    X(health_checks, COUNTER, "health_checks", "",                                       \
        "Health checks of backends that were begun.")                                    \
    X(health_failures, COUNTER, "health_check_failures", "",                             \
        "Health checks that found a backend unwell.")                                    \
    X(backend_handshakes, COUNTER, "backend_handshakes", "",                             \
        "TLS handshakes with backends that were completed.")                             \
    X(backend_handshakes_failed, COUNTER, "backend_handshakes_failed", "",               \
        "TLS handshakes with backends that failed; the log says why.")                   \
    X(accept_errors, COUNTER, "accept_errors", "",                                       \
        "accept() calls that failed; the log says why.")                                 \
    X(requests_not_logged, COUNTER, "requests_not_logged", "",                           \
        "Requests without a line in the access log: access_log_sample.")                 \
    X(batch_lanes_offered, COUNTER, "batch_lanes_offered", "",                           \
        "Lanes of all batches of key operations in workers, eight each.")                \
    X(batch_lanes_used, COUNTER, "batch_lanes_used", "",                                 \
        "Lanes of those that had an operation.")                                         \
    X(connections, GAUGE, "connections", "", "Connections of clients now.")              \
    X(handshakes_in_progress, GAUGE, "handshakes_in_progress", "",                       \
        "Connections whose handshake is not complete.")

/* The phases of a connection, named after what the proxy waits for; see client.h. */
#define CLIENT_STATES(X)                                                                 \
    X(HANDSHAKE, "handshake")                                                            \
    X(AWAIT_HEAD, "await_head")                                                          \
    X(EXCHANGE, "exchange")                                                              \
    X(TUNNEL, "tunnel")                                                                  \
    X(LINGER, "linger")                                                                  \
    X(CLOSED, "closed")

enum client_state {
#define X(name, text) CLIENT_##name,
    CLIENT_STATES(X)
#undef X
        CLIENT_STATE_COUNT
};

/* field (and name in the JSON), name in /metrics, meaning */
#define LATENCIES(X)                                                                     \
    X(handshake, "handshake_seconds",                                                    \
        "Time from accept() to the end of a completed handshake.")                       \
    X(backend_connect, "backend_connect_seconds",                                        \
        "Time for a backend to accept a connection, TLS handshake included.")            \
    X(first_byte, "first_byte_seconds",                                                  \
        "Time from a request's head to the first byte of its reply.")                    \
    X(total, "request_seconds", "Time from a request's head to the end of its exchange.")

/* All members are uint64_t, because the struct is summed as an array. */
struct counters {
#define X(field, kind, name, unit, meaning) uint64_t field;
    COUNTERS(X)
#undef X
    uint64_t ends[END_REASON_COUNT];
    uint64_t states[CLIENT_STATE_COUNT]; /* gauges */
#define X(field, name, meaning) struct latency field;
    struct latencies {
        LATENCIES(X)
    } latency;
#undef X
    struct tls_counts tls; /* of handshakes_full, _resumed and _failed */
};

const char *client_state_text(enum client_state state);

void counters_add(struct counters *sum, const struct counters *one);

#endif
