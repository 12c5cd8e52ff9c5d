/*
 * control.h - the client's side of the control socket: one request, one answer.
 *
 * A request is one line of JSON, {"request": "reload" | "status" | "probe" |
 * "backend" | "rotate-tickets" | "reopen"};
 * "reload" takes "force": true, for what is worse for XenServer than what is served;
 * "probe" takes "service", a section's name. The answer is one line of JSON with at least
 * "ok"; a refusal has "error", a sentence. Answers:
 *
 * reload: {"ok", "error"?, "unchanged", "generation",
 *     "services": [SERVICE], "findings": [FINDING],
 *     "workers": [{"worker", "pid", "generation"}]}
 * status: {"ok", "version", "pid", "uptime", "generation", "started", "released",
 *     "config", "crypto", "reload_pending", "disk_error"?,
 *     "last_reload": {"ok", "error"?, "when"},
 *     "denied"?: {"address", "service", "rule", "line" (0: it is no longer there),
 *         "when", "text"}: the last client that allow and deny kept out,
 *     "descriptors": {"limit", "max_connections", "asked"},
 *     "services": [SERVICE + {"disk": [CERT], "differs": bool, "disk_error"?,
 *         "backends": [BACKEND]}],
 *     "generations": [{"generation", "age", "connections", "current"}],
 *     "workers": [{"worker", "pid", "generation", "uptime", "restarts", "answers",
 *         "connections", "log_lines_lost", "page_faults", "crypto",
 *         "counters": {name: n}, "ends": {name: n},
 *         "backends": [BACKEND]}],
 *     "signer": null or {"pid", "uptime", "restarts", "answers", "crypto",
 *         "signatures", "signatures_per_second", "queue", "queue_peak", "refused",
 *         "keys", "workers": [{"worker", "signatures", "queue", "refused",
 *         "over_quota"}], "batch_lanes_offered", "batch_lanes_used", "processes":
 * [{"signer", "pid", "uptime", "restarts", "answers", "signatures",
 * "signatures_per_second", "queue"}]}: sums over its processes; pid and uptime are the
 * first one's, queue_peak the largest, "counters": {name: n}, "ends": {name: n}, "tls":
 * TLS} probe: {"ok", "generation", "workers": [n...]} and one descriptor a worker, in
 * that order: a connection that worker has accepted for the service; speak TLS on it.
 *
 * backend, with "action" ("drain" or "enable"), "service"?, "address"?: {"ok", "service",
 *     "address", "drained", "changed", "warning"?}
 *
 * rotate-tickets: {"ok", "keys", "lifetime"}: how many keys open tickets, and for how
 * many seconds a session lasts.
 *
 * SERVICE: {"name", "accept": [text], "connect": [text], "protocol", "tls_engine",
 *     "certificates": [CERT]}
 * BACKEND: {"service" (of a worker's), "address", "tls" (of a service's), "up", "weight",
 *     "backup", "active" (connections), "state", "since"?, "reason"?, "drained",
 *     "share" (percent)}
 * CERT: {"file", "subject", "names", "issuer", "serial", "sha256", "key", "not_before",
 *     "not_after" (both RFC 3339), "days_left", "chain_len"}
 * FINDING: {"id", "severity", "file"?, "fact", "why"?, "remedy"?, "commands"?: [text]};
 *     the commands stand in the remedy as they are, and can be pasted into a shell.
 * TLS: handshakes done, as chosen, by kind: {"engines", "versions", "groups", "ciphers",
 *     "signatures": {name: n}}, and "failures": {cause: n}; every name of
 *     proxy/net/tls_counts.h is there. All of one are as many as handshakes_full +
 *     handshakes_resumed; of the failures, handshakes_failed. "TLSv1.2" of the versions
 *     says who needs it, "RSA" of the signatures (resumed sessions need none) who takes
 *     the RSA certificate, the groups without MLKEM who is not post-quantum.
 */
#ifndef WLBPROXY_CONTROL_CONTROL_H
#define WLBPROXY_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct error;

enum { CONTROL_FDS_MAX = 256 };

struct control_answer {
    json_t *json; /* owned */
    int fds[CONTROL_FDS_MAX];
    size_t fd_count;
};

/* `request` is consumed (reference stolen). False and err if there is nobody to ask, the
 * answer does not come within timeout_ms, or is not JSON; an answer with "ok": false is
 * an answer. */
bool control_ask(const char *socket_path, json_t *request, int timeout_ms,
    struct control_answer *answer, struct error *err);

void control_answer_destroy(struct control_answer *answer);

#endif
