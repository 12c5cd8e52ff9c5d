#include "proxy/base/metrics.h"

#include "proxy/base/counters.h"

const char *const metric_kind_names[] = {[METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
    [METRIC_INFO] = "info"};

#define C METRIC_COUNTER
#define G METRIC_GAUGE

/* clang-format off */
const struct metric metrics[] = {
#define X(field, kind, name, unit, meaning) \
    {name, METRIC_##kind, unit, meaning, "counters." #field},
    COUNTERS(X)
#undef X
#define X(field, name, meaning) \
    {name, METRIC_HISTOGRAM, "seconds", meaning, "latency." #field},
    LATENCIES(X)
#undef X
    {"connections_by_state", G, "", "Connections of clients now, by state.",
        "states.*state"},
    {"responses", C, "", "Requests that have ended, by service, method and first digit of "
        "the status.", "responses.*service.*method.*code"},
    {"handshakes_by_engine", C, "", "Completed handshakes by engine.",
        "tls.engines.*engine"},
    {"handshakes_by_version", C, "", "Completed handshakes by version of TLS.",
        "tls.versions.*version"},
    {"handshakes_by_group", C, "", "Completed handshakes by group of the key exchange.",
        "tls.groups.*group"},
    {"handshakes_by_cipher", C, "", "Completed handshakes by cipher suite.",
        "tls.ciphers.*cipher"},
    {"handshakes_by_signature", C, "", "Completed handshakes by kind of our signature.",
        "tls.signatures.*signature"},
    {"handshake_failures", C, "", "Failed handshakes by cause.", "tls.failures.*cause"},
    {"connection_ends", C, "", "Connections by the reason of their end; docs/events.md has "
        "their meaning.", "ends.*reason"},
    {"build", METRIC_INFO, "", "Version and arithmetic of the running program.", "(version,crypto)"},
    {"uptime_seconds", G, "seconds", "Time since the master started.", "uptime"},
    {"generation", G, "", "Number of the configuration that is served.", "generation"},
    {"reloads", C, "", "Reloads by outcome.", "reloads.*outcome"},
    {"last_reload_success", G, "", "Whether the last reload was accepted.",
        "last_reload.ok"},
    {"last_reload_timestamp_seconds", G, "seconds", "Time at which the last reload ended.",
        "last_reload.when"},
    {"reload_pending", G, "", "Whether the files on disk differ from what is served.",
        "reload_pending"},
    {"certificate_not_before_timestamp_seconds", G, "seconds",
        "Time from which a served certificate is valid.",
        "services[service=name].certificates[file,serial].not_before"},
    {"certificate_not_after_timestamp_seconds", G, "seconds",
        "Time until which a served certificate is valid.",
        "services[service=name].certificates[file,serial].not_after"},
    {"certificate_differs_from_disk", G, "",
        "Whether a served certificate is no longer on disk.",
        "services[service=name].certificates[file,serial].differs"},
    {"ca_not_after_timestamp_seconds", G, "seconds",
        "Time until which a CA of client certificates is valid.",
        "services[service=name].cas[subject].not_after"},
    {"crl_next_update_timestamp_seconds", G, "seconds",
        "Time until which a revocation list is valid: its nextUpdate.",
        "services[service=name].crls[issuer].next_update"},
    {"ticket_keys", G, "", "Keys of session tickets.", "tickets.keys"},
    {"ticket_key_age_seconds", G, "seconds", "Age of the key that seals session tickets.",
        "tickets.age"},
    {"backend_up", G, "", "Whether a backend is not known to be down.",
        "services[service=name].backends[backend=address].up"},
    {"backend_drained", G, "", "Whether an administrator drains a backend.",
        "services[service=name].backends[backend=address].drained"},
    {"backend_weight", G, "", "Weight of a backend, as it is configured.",
        "services[service=name].backends[backend=address].weight"},
    {"backend_share_percent", G, "", "Part of its weight that a backend gets: slow_start.",
        "services[service=name].backends[backend=address].share"},
    {"backend_connections", G, "",
        "Connections to a backend that serve a request or are made for one.",
        "services[service=name].backends[backend=address].active"},
    {"descriptors_limit", G, "", "Descriptors that a process may have.",
        "descriptors.limit"},
    {"connections_limit", G, "", "max_connections of a worker.",
        "descriptors.max_connections"},
    {"worker_up", G, "", "Whether a worker answers.", "workers[worker].answers"},
    {"worker_uptime_seconds", G, "seconds", "Time since a worker started.",
        "workers[worker].uptime"},
    {"worker_restarts", C, "", "Number of replacements of a worker.",
        "workers[worker].restarts"},
    {"worker_connections", G, "", "Connections of clients now, by worker.",
        "workers[worker].connections"},
    {"worker_loop_lag_seconds", G, "seconds",
        "Time that the last question waited for a worker's loop.",
        "workers[worker].loop_lag"},
    {"worker_resident_bytes", G, "bytes", "Memory of a worker that is resident.",
        "workers[worker].rss"},
    {"worker_descriptors", G, "", "Connections of a worker, to clients and to backends.",
        "workers[worker].descriptors"},
    {"worker_lost_log_lines", C, "", "Log lines that could not be written.",
        "workers[worker].log_lines_lost"},
    {"worker_page_faults", C, "", "Minor page faults of a worker.",
        "workers[worker].page_faults"},
    {"signer_up", G, "", "Whether all signers answer.", "signer.answers"},
    {"signer_restarts", C, "", "Number of replacements of signers.", "signer.restarts"},
    {"signer_signatures", C, "", "Signatures that the signers made.", "signer.signatures"},
    {"signer_refusals", C, "", "Requests that the signers refused.", "signer.refused"},
    {"signer_queue", G, "", "Requests that wait in the signers now.", "signer.queue"},
    {"signer_queue_peak", G, "", "Largest number of requests that waited in one at a time.",
        "signer.queue_peak"},
    {"signer_keys", G, "", "Private keys that each signer holds.", "signer.keys"},
    {"signer_batch_lanes_offered", C, "", "Lanes of all batches of signatures, eight each.",
        "signer.batch_lanes_offered"},
    {"signer_batch_lanes_used", C, "", "Lanes of those that had a signature.",
        "signer.batch_lanes_used"},
};
/* clang-format on */

const size_t metrics_count = sizeof(metrics) / sizeof(metrics[0]);
