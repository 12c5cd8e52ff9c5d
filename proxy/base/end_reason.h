/*
 * end_reason.h - why a connection or an exchange ended: one table of text, log level,
 * whose fault. The names are stable: logs, counters and `status` use them.
 */
#ifndef WLBPROXY_BASE_END_REASON_H
#define WLBPROXY_BASE_END_REASON_H

#include "proxy/base/log.h"

enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_BACKEND, FAULT_OURS };

/* name, text, level, fault; extend freely, here only. */
#define END_REASONS(X)                                                                   \
    X(DONE, "done", LOG_LEVEL_DEBUG, FAULT_NONE)                                         \
    X(PROBE, "probe", LOG_LEVEL_DEBUG, FAULT_NONE)                                       \
    X(IDLE_TIMEOUT, "idle_timeout", LOG_LEVEL_DEBUG, FAULT_NONE)                         \
    X(SILENT, "silent_tunnel", LOG_LEVEL_INFO, FAULT_NONE)                               \
    X(DRAINED, "drained", LOG_LEVEL_INFO, FAULT_NONE)                                    \
    X(CLIENT_GONE, "client_gone", LOG_LEVEL_INFO, FAULT_CLIENT)                          \
    X(CLIENT_RESET, "client_reset", LOG_LEVEL_INFO, FAULT_CLIENT)                        \
    X(HANDSHAKE_FAILED, "handshake_failed", LOG_LEVEL_INFO, FAULT_CLIENT)                \
    X(HANDSHAKE_TIMEOUT, "handshake_timeout", LOG_LEVEL_INFO, FAULT_CLIENT)              \
    X(PLAIN_HTTP, "plain_http", LOG_LEVEL_INFO, FAULT_CLIENT)                            \
    X(TLS_ERROR, "tls_error", LOG_LEVEL_INFO, FAULT_CLIENT)                              \
    X(TLS_FLOOD, "tls_flood", LOG_LEVEL_INFO, FAULT_CLIENT)                              \
    X(HANDSHAKE_SHED, "handshake_shed", LOG_LEVEL_INFO, FAULT_CLIENT)                    \
    X(HEAD_TIMEOUT, "head_timeout", LOG_LEVEL_INFO, FAULT_CLIENT)                        \
    X(BODY_TIMEOUT, "body_timeout", LOG_LEVEL_INFO, FAULT_CLIENT)                        \
    X(READ_TIMEOUT, "client_not_reading", LOG_LEVEL_INFO, FAULT_CLIENT)                  \
    X(TOO_SLOW, "too_slow", LOG_LEVEL_INFO, FAULT_CLIENT)                                \
    X(LINGER_TIMEOUT, "linger_timeout", LOG_LEVEL_DEBUG, FAULT_CLIENT)                   \
    X(BAD_REQUEST, "bad_request", LOG_LEVEL_INFO, FAULT_CLIENT)                          \
    X(HEAD_TOO_LARGE, "head_too_large", LOG_LEVEL_INFO, FAULT_CLIENT)                    \
    X(BODY_TOO_LARGE, "body_too_large", LOG_LEVEL_INFO, FAULT_CLIENT)                    \
    X(TOO_MANY, "too_many_connections", LOG_LEVEL_WARNING, FAULT_CLIENT)                 \
    X(BACKEND_REFUSED, "backend_refused", LOG_LEVEL_WARNING, FAULT_BACKEND)              \
    X(BACKEND_NONE, "backend_none", LOG_LEVEL_WARNING, FAULT_BACKEND)                    \
    X(BACKEND_TIMEOUT, "backend_timeout", LOG_LEVEL_WARNING, FAULT_BACKEND)              \
    X(BACKEND_GONE, "backend_gone", LOG_LEVEL_WARNING, FAULT_BACKEND)                    \
    X(BACKEND_NONSENSE, "backend_nonsense", LOG_LEVEL_WARNING, FAULT_BACKEND)            \
    X(INTERNAL, "internal", LOG_LEVEL_ERROR, FAULT_OURS)

enum end_reason {
#define X(name, text, level, fault) END_##name,
    END_REASONS(X)
#undef X
        END_REASON_COUNT
};

const char *end_reason_text(enum end_reason reason);
enum log_level end_reason_level(enum end_reason reason);
enum fault end_reason_fault(enum end_reason reason);

#endif
