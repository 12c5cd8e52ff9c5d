/*
 * end_reason.h - why a connection or an exchange ended: one table of text, log level and
 * fault. The names are stable: logs, counters and `status` use them.
 */
#ifndef WLBPROXY_BASE_END_REASON_H
#define WLBPROXY_BASE_END_REASON_H

#include "proxy/base/log.h"

enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_BACKEND, FAULT_OURS };

/* name, text, level, fault, meaning. A new reason needs a row here only. */
#define END_REASONS(X)                                                                   \
    X(DONE, "done", LOG_LEVEL_DEBUG, FAULT_NONE,                                         \
        "The reply was delivered and the connection ended in order.")                    \
    X(PROBE, "probe", LOG_LEVEL_DEBUG, FAULT_NONE,                                       \
        "The client left without a request, in order or before its ClientHello.")        \
    X(IDLE_TIMEOUT, "idle_timeout", LOG_LEVEL_DEBUG, FAULT_NONE,                         \
        "No further request came within idle_timeout.")                                  \
    X(MADE_ROOM, "made_room", LOG_LEVEL_INFO, FAULT_NONE,                                \
        "The client was the longest idle one when a new one needed its place.")          \
    X(SILENT, "silent_tunnel", LOG_LEVEL_INFO, FAULT_NONE,                               \
        "A tunnel was silent for response_timeout; or, after one side had ended, for "   \
        "half_closed_timeout.")                                                          \
    X(DRAINED, "drained", LOG_LEVEL_INFO, FAULT_NONE,                                    \
        "The process ended the connection because it drains or stops.")                  \
    X(CLIENT_GONE, "client_gone", LOG_LEVEL_INFO, FAULT_CLIENT,                          \
        "The client ended the TCP connection too early, or without close_notify.")       \
    X(CLIENT_RESET, "client_reset", LOG_LEVEL_INFO, FAULT_CLIENT,                        \
        "The client reset the TCP connection.")                                          \
    X(HANDSHAKE_FAILED, "handshake_failed", LOG_LEVEL_INFO, FAULT_CLIENT,                \
        "The TLS handshake failed; alert= and cause= say why.")                          \
    X(HANDSHAKE_TIMEOUT, "handshake_timeout", LOG_LEVEL_INFO, FAULT_CLIENT,              \
        "The TLS handshake took longer than handshake_timeout.")                         \
    X(PROXY_HEADER, "proxy_header", LOG_LEVEL_WARNING, FAULT_CLIENT,                     \
        "A trusted address did not begin with a PROXY header as proxy_protocol asks "    \
        "for.")                                                                          \
    X(PLAIN_HTTP, "plain_http", LOG_LEVEL_INFO, FAULT_CLIENT,                            \
        "The client spoke plain HTTP on the TLS port and was told so.")                  \
    X(TLS_ERROR, "tls_error", LOG_LEVEL_INFO, FAULT_CLIENT,                              \
        "The TLS session failed after its handshake; detail= says why.")                 \
    X(TLS_FLOOD, "tls_flood", LOG_LEVEL_INFO, FAULT_CLIENT,                              \
        "The client sent too many empty records or KeyUpdates.")                         \
    X(HANDSHAKE_SHED, "handshake_shed", LOG_LEVEL_INFO, FAULT_CLIENT,                    \
        "An unfinished handshake made room for others.")                                 \
    X(HEAD_TIMEOUT, "head_timeout", LOG_LEVEL_INFO, FAULT_CLIENT,                        \
        "A request's head took longer than head_timeout.")                               \
    X(BODY_TIMEOUT, "body_timeout", LOG_LEVEL_INFO, FAULT_CLIENT,                        \
        "A request's body stood still for longer than body_timeout.")                    \
    X(READ_TIMEOUT, "client_not_reading", LOG_LEVEL_INFO, FAULT_CLIENT,                  \
        "The client did not read its reply for body_timeout.")                           \
    X(TOO_SLOW, "too_slow", LOG_LEVEL_INFO, FAULT_CLIENT,                                \
        "A request's body came, or a reply was read, slower than min_rate.")             \
    X(LINGER_TIMEOUT, "linger_timeout", LOG_LEVEL_DEBUG, FAULT_CLIENT,                   \
        "The client did not close within linger_timeout after its last reply.")          \
    X(BAD_REQUEST, "bad_request", LOG_LEVEL_INFO, FAULT_CLIENT,                          \
        "The request was refused; docs/replies.md lists the rules.")                     \
    X(HEAD_TOO_LARGE, "head_too_large", LOG_LEVEL_INFO, FAULT_CLIENT,                    \
        "The request's head is larger than max_head, has more than 128 fields, or a "    \
        "target of more than 16 KB.")                                                    \
    X(BODY_TOO_LARGE, "body_too_large", LOG_LEVEL_INFO, FAULT_CLIENT,                    \
        "The request's body is larger than max_body.")                                   \
    X(TOO_MANY, "too_many_connections", LOG_LEVEL_WARNING, FAULT_CLIENT,                 \
        "max_connections_per_source was reached for this address.")                      \
    X(DENIED, "denied", LOG_LEVEL_INFO, FAULT_CLIENT,                                    \
        "allow and deny do not let this address in; status has the line to change.")     \
    X(MISDIRECTED, "misdirected", LOG_LEVEL_INFO, FAULT_CLIENT,                          \
        "Host belongs to a service that lets in others than the connection's: 421.")     \
    X(PATH_REFUSED, "path_refused", LOG_LEVEL_INFO, FAULT_CLIENT,                        \
        "paths does not pass this path on: 404.")                                        \
    X(METHOD_REFUSED, "method_refused", LOG_LEVEL_INFO, FAULT_CLIENT,                    \
        "paths does not pass this method on for this path: 405.")                        \
    X(AUTH_FAILURES, "auth_failures", LOG_LEVEL_INFO, FAULT_CLIENT,                      \
        "auth_failures was reached for this address: 429.")                              \
    X(BACKEND_REFUSED, "backend_refused", LOG_LEVEL_WARNING, FAULT_BACKEND,              \
        "The backend refused the connection.")                                           \
    X(BACKEND_TLS, "backend_tls", LOG_LEVEL_WARNING, FAULT_BACKEND,                      \
        "The TLS handshake with the backend failed; detail= says why.")                  \
    X(BACKEND_NONE, "backend_none", LOG_LEVEL_WARNING, FAULT_BACKEND,                    \
        "No backend could be tried.")                                                    \
    X(BACKEND_TIMEOUT, "backend_timeout", LOG_LEVEL_WARNING, FAULT_BACKEND,              \
        "The backend did not connect or answer in time.")                                \
    X(BACKEND_GONE, "backend_gone", LOG_LEVEL_WARNING, FAULT_BACKEND,                    \
        "The backend ended the connection before its reply was whole.")                  \
    X(BACKEND_NONSENSE, "backend_nonsense", LOG_LEVEL_WARNING, FAULT_BACKEND,            \
        "The reply of the backend was refused; docs/replies.md lists the rules.")        \
    X(INTERNAL, "internal", LOG_LEVEL_ERROR, FAULT_OURS, "A fault of this program.")

enum end_reason {
#define X(name, text, level, fault, meaning) END_##name,
    END_REASONS(X)
#undef X
        END_REASON_COUNT
};

const char *end_reason_text(enum end_reason reason);
enum log_level end_reason_level(enum end_reason reason);
enum fault end_reason_fault(enum end_reason reason);
const char *end_reason_meaning(enum end_reason reason); /* one sentence */

#endif
