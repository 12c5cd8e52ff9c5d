#include "config/options.h"

#include <assert.h>
#include <string.h>

#include "config/nearest.h"
#include "config/settings.h"

#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KB ((uint64_t)1024)
#define MB (1024 * KB)
#define GB (1024 * MB)

/* A zero that compiles only if the field has the type that its parser writes. */
#define IS(type, object, field) (0 * sizeof(&((object *)0)->field == (type *)0))
#define IS_ENUM(object, field)                                                           \
    (0 * sizeof(char[sizeof(((object *)0)->field) == sizeof(unsigned) ? 1 : -1]))
#define IS_count(object, field) IS(uint32_t, object, field)
#define IS_duration(object, field) IS(uint64_t, object, field)
#define IS_instant(object, field) IS(uint64_t, object, field)
#define IS_size(object, field) IS(uint64_t, object, field)
#define IS_flag(object, field) IS(bool, object, field)
#define IS_choice(object, field) IS_ENUM(object, field)
#define IS_word(object, field) IS(char *, object, field)
#define IS_path(object, field) IS(char *, object, field)
#define IS_file(object, field) IS(char *, object, field)
#define IS_host(object, field) IS(char *, object, field)
#define IS_listen(object, field) IS(char *, object, field)
#define IS_token(object, field) IS(char *, object, field)
#define IS_files(object, field) IS(struct text_list, object, field)
#define IS_pins(object, field) IS(struct text_list, object, field)
#define IS_texts(object, field) IS(struct text_list, object, field)
#define IS_paths(object, field) IS(struct text_list, object, field)
#define IS_accept(object, field) IS(struct text_list, object, field)
#define IS_connect(object, field) IS(struct text_list, object, field)
#define IS_names(object, field) IS(struct text_list, object, field)
#define IS_networks(object, field) IS(struct text_list, object, field)
#define IS_health(object, field) IS(char *, object, field)
#define IS_statuses(object, field) IS(char *, object, field)
#define IS_requests(object, field) IS(struct text_list, object, field)

#define FIELD(object, kind, field)                                                       \
#field, &type_##kind, offsetof(object, field) + IS_##kind(object, field)
#define GLOBAL(kind, field) OPTION_GLOBAL, FIELD(struct settings, kind, field)
#define SERVICE(kind, field) OPTION_SERVICE, FIELD(struct service_settings, kind, field)
#define SERVICE_AS(text, kind, field)                                                    \
    OPTION_SERVICE, text, &type_##kind,                                                  \
        offsetof(struct service_settings, field) +                                       \
        IS_##kind(struct service_settings, field)

/* clang-format off */
#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}
#define WORDS(...) {.words = LIST(__VA_ARGS__)}
#define ANY {0}

static const struct option options[] = {
    {GLOBAL(count, workers), "auto", {1, 256, LIST("auto")},
        .help = "event loops, each a process of its own; auto: one for each CPU"},
    {GLOBAL(token, user), "wlbproxy", ANY,
        .help = "account of the workers; nobody where it does not exist"},
    {GLOBAL(path, log), "stderr", WORDS("stderr", "syslog", "journal"),
        .help = "target of the log of events; journal: of systemd, with fields"},
    {GLOBAL(word, log_level), "info", WORDS("error", "warning", "info", "debug"),
        .help = "the least important event that is logged"},
    {GLOBAL(path, access_log), "off", WORDS("off", "stderr", "syslog", "journal"),
        .help = "target of the access log, a line for each request"},
    {GLOBAL(choice, access_log_format), "text", WORDS("text", "json"),
        .help = "format of the access log"},
    {GLOBAL(count, access_log_sample), "1", {1, 1000000, NULL},
        .help = "log one of so many requests that went well, and all others; each worker"},
    {GLOBAL(path, control), "/run/wlbproxy/control.sock",
        {0, 107, LIST("off")},
        .help = "socket for reload, status and the other commands"},
    {GLOBAL(listen, admin), "off", ANY,
        .help = "HTTP address for metrics, health and the status page; without an address: all"},
    {GLOBAL(networks, admin_allow), NULL, ANY,
        .help = "addresses and networks that may use it; by default this machine only",
        .repeatable = true},
    {GLOBAL(choice, crypto), "auto", WORDS("auto", "openssl", "batched"),
        .help = "private key operations: as fast as the CPU can, or by OpenSSL alone"},
    {GLOBAL(flag, signer), "on", ANY,
        .help = "keep private keys in a process without network; off: in the workers"},
    {GLOBAL(instant, batch_hold), "0", {0, 2000, NULL},
        .help = "a batch of RSA or P-384 that is not full waits so long for more; 0: never"},
    {GLOBAL(flag, watch), "off", ANY,
        .help = "reload when a file of certificates, keys, crl or pins has changed; not for the configuration"},
    {GLOBAL(flag, strict_reload), "off", ANY,
        .help = "refuse a reload that loses names or ends earlier than what is served"},
    {GLOBAL(flag, fixed_ports), "off", ANY,
        .help = "workers may connect to the TCP ports of connect at their start alone; no reload brings "
                "another (needs Linux 6.7)"},
    {GLOBAL(duration, drain_timeout), "11m", {0, DAY, NULL},
        .help = "time for busy connections to end after TERM"},
    {GLOBAL(count, max_connections), "10000", {1, 1000000, NULL},
        .help = "client connections at a time, each worker"},
    {GLOBAL(count, max_connections_per_source), "auto", {0, 1000000, LIST("auto")},
        .help = "client connections from one address (/32, /64), each worker; auto: half; 0: no limit"},
    {GLOBAL(count, max_handshakes), "6000", {1, 1000000, NULL},
        .help = "TLS handshakes that wait for their client, each worker; as many may wait for CPU"},
    {GLOBAL(count, handshake_rate), "200", {0, 1000000, NULL},
        .help = "full handshakes a source and second under pressure; 0: no limit"},
    {GLOBAL(duration, resolve_interval), "30s", {0, DAY, NULL},
        .help = "interval of resolving the names in connect; 0: at start and reload only"},
    {GLOBAL(duration, ticket_rotation), "12h", {MINUTE, 7 * DAY, NULL},
        .help = "time for which one key seals session tickets"},
    {GLOBAL(duration, ticket_lifetime), "1h", {MINUTE, 7 * DAY, NULL},
        .help = "time in which a session may be resumed, from its first handshake on"},
    {GLOBAL(file, ticket_keys), "none", ANY,
        .help = "file (mode 0600) with ticket keys that several nodes share; none: our own"},

    {SERVICE_AS("name", host, host_name), "none", ANY,
        .help = "host in the pool's WLB URL; certificates are made and checked for it"},
    {SERVICE(accept, accept), "8012", ANY,
        .help = "address and port for clients; without an address: all, of IPv4 and IPv6", .repeatable = true},
    {SERVICE(connect, connect), "127.0.0.1:8013", ANY,
        .help = "the backend; tls: in front: by TLS; weight=N (1 to 100), backup may follow",
        .repeatable = true},
    {SERVICE(choice, balance), "first", WORDS("first", "roundrobin", "leastconn", "source"),
        .help = "choice of a backend: the first that is up, in turn, the least busy, by client"},
    {SERVICE(flag, backend_verify), "on", ANY,
        .help = "verify the certificates of backends (connect = tls:...); off: anybody may be one",
        .backend_tls_only = true},
    {SERVICE(path, backend_ca), SETTINGS_CA_AUTO, WORDS(SETTINGS_CA_AUTO),
        .help = "PEM file: issuers of backends' certificates; auto: those the system trusts, or, "
                "with backend_pins, none",
        .backend_tls_only = true},
    {SERVICE(host, backend_name), "none", ANY,
        .help = "name in backends' certificates, sent as SNI; none: the host in connect",
        .backend_tls_only = true},
    {SERVICE(pins, backend_pins), NULL, ANY,
        .help = "only these certificates of backends: a PEM file, or SHA-256 of one or its key",
        .repeatable = true, .backend_tls_only = true},
    {SERVICE(file, backend_cert), "none", ANY,
        .help = "PEM file: the proxy's client certificate for backends, then its chain",
        .backend_tls_only = true},
    {SERVICE(file, backend_key), "none", ANY,
        .help = "PEM file: its key; none: the key is in backend_cert",
        .backend_tls_only = true},
    {SERVICE(paths, cert), "/etc/ssl/certs/server.pem", ANY,
        .help = "PEM file: certificate, then its chain; one RSA and one EC may stand side by side",
        .repeatable = true},
    {SERVICE(paths, key), "/etc/ssl/certs/server.key", ANY,
        .help = "PEM file: the key of the cert at the same place; without it, cert contains the key",
        .repeatable = true},
    {SERVICE(file, key_password_file), "none", ANY,
        .help = "file (mode 0600) with the passphrase of an encrypted key in its first line"},
    {SERVICE(names, sni), NULL, ANY,
        .help = "names that choose this service among those on one address; *.domain too",
        .repeatable = true},
    {SERVICE(host, pending), "pending.invalid", ANY,
        .help = "name (SNI) under which a pair of `cert install --pending` is tried, or none"},
    {SERVICE(choice, protocol), "http", WORDS("http", "tcp"),
        .help = "http: requests are read and checked; tcp: bytes are passed on unread"},
    {SERVICE(choice, tls_engine), "openssl", WORDS("openssl", "native"),
        .help = "implementation of TLS; native: ours, with OpenSSL for what it does not support"},
    {SERVICE(choice, tls_min), "1.2", WORDS("1.2", "1.3"),
        .help = "the oldest TLS; XenServer needs 1.2"},
    {SERVICE(flag, tickets), "on", ANY,
        .help = "let clients resume sessions; off: each handshake is a full one"},
    {SERVICE(token, ciphers),
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
        "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305", ANY,
        .help = "cipher suites of TLS 1.2 in OpenSSL's syntax, the preferred one first"},
    {SERVICE(token, ciphersuites),
        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", ANY,
        .help = "cipher suites of TLS 1.3 in OpenSSL's syntax"},
    {SERVICE(token, groups), "auto", ANY,
        .help = "groups of the key exchange; auto: X25519MLKEM768 where there is one, X25519, P-256, "
        "P-384; XenServer needs P-384"},
    {SERVICE(choice, verify), "off", WORDS("off", "optional", "required"),
        .help = "ask clients for a certificate"},
    {SERVICE(file, ca), "none", ANY,
        .help = "PEM file: issuers whose client certificates are trusted"},
    {SERVICE(files, crl), NULL, ANY,
        .help = "PEM file: revocation lists of those issuers; if one has a list, all must have one",
        .repeatable = true},
    {SERVICE(count, verify_depth), "4", {0, 100, NULL},
        .help = "longest chain of a client certificate"},
    {SERVICE(pins, verify_pins), NULL, ANY,
        .help = "only these client certificates: a PEM file of them, or SHA-256 of one or its key",
        .repeatable = true},
    {SERVICE(texts, verify_names), NULL, ANY,
        .help = "only client certificates with one of these DNS, e-mail or IP names, or, "
                "without a DNS name, this CN",
        .repeatable = true},
    {SERVICE(flag, send_root), "on", ANY,
        .help = "send the self-signed root if it is in the file"},
    {SERVICE(flag, xenserver), "on", ANY,
        .help = "XenServer connects here: refuse a reload that it could not use"},
    {SERVICE(duration, handshake_timeout), "10s", {100, HOUR, NULL},
        .help = "time from accept to the end of the TLS handshake"},
    {SERVICE(duration, head_timeout), "30s", {100, HOUR, NULL},
        .help = "time from the first to the last byte of a request's head", .http_only = true},
    {SERVICE(duration, idle_timeout), "75s", {100, DAY, NULL},
        .help = "time between two requests of a client", .http_only = true},
    {SERVICE(duration, body_timeout), "60s", {100, HOUR, NULL},
        .help = "time between bytes of a request's body, and for a client that does not read"},
    {SERVICE(duration, connect_timeout), "5s", {100, 10 * MINUTE, NULL},
        .help = "time for a backend to accept a connection, TLS handshake of tls: included"},
    {SERVICE(duration, response_timeout), "11m", {100, DAY, NULL},
        .help = "time for the backend to begin its reply, and between its bytes; tcp: of silence"},
    {SERVICE(duration, half_closed_timeout), "60s", {100, DAY, NULL},
        .help = "time of silence in a tunnel (tcp, websocket) of which one side has ended"},
    {SERVICE(duration, linger_timeout), "5s", {100, 10 * MINUTE, NULL},
        .help = "time for the client to close, too, after the last reply"},
    {SERVICE(size, max_head), "32k", {KB, MB, NULL},
        .help = "size of a request's or reply's head; a larger request gets 431", .http_only = true},
    {SERVICE(size, max_body), "8m", {0, 1024 * GB, NULL},
        .help = "size of a request's body; a larger one gets 413; 0: no limit", .http_only = true},
    {SERVICE(size, min_rate), "128b", {0, GB, NULL},
        .help = "bytes a second a client must average in each body_timeout of a body; 0: off"},
    {SERVICE(count, max_pipelined), "64", {1, 10000, NULL},
        .help = "requests a client may send ahead of their replies", .http_only = true},
    {SERVICE(networks, allow), NULL, ANY,
        .help = "addresses and networks that may connect; by default all",
        .repeatable = true},
    {SERVICE(networks, deny), NULL, ANY,
        .help = "addresses and networks that may not connect, even if allowed", .repeatable = true},
    {SERVICE(requests, paths), NULL, ANY,
        .help = "requests to pass on: GET,POST /prefix; others get 404 or 405; by default all",
        .repeatable = true, .http_only = true},
    {SERVICE(count, auth_failures), "0", {0, 1000000, NULL},
        .help = "401 replies a minute to one source, each worker; then it gets 429; 0: no limit",
        .http_only = true},
    {SERVICE(choice, proxy_protocol), "off", WORDS("off", "v1", "v2", "any"),
        .help = "PROXY header at the beginning of connections from trusted addresses"},
    {SERVICE(choice, send_proxy), "off", WORDS("off", "v1", "v2"),
        .help = "PROXY header sent first to the backend; v2: with facts about TLS"},
    {SERVICE(networks, trusted), NULL, ANY,
        .help = "addresses and networks of the proxies in front of this one",
        .repeatable = true},
    {SERVICE(choice, forwarded), "on", WORDS("off", "on", "append"),
        .help = "set X-Forwarded-For, -Proto, -Host, Forwarded, Via, X-Request-Id; append: keep those of trusted",
        .http_only = true},
    {SERVICE(choice, upgrade), "off", WORDS("off", "websocket"),
        .help = "pass bytes on both ways after a 101 for this protocol", .http_only = true},
    {SERVICE(count, backend_keepalive), "0", {0, 10000, NULL},
        .help = "idle backend connections kept, each worker; 0: one for each request",
        .http_only = true},
    {SERVICE(flag, backend_keepalive_post), "off", ANY,
        .help = "let POST and the like use an idle connection, at the risk of a 502 if it has just closed",
        .http_only = true},
    {SERVICE(duration, backend_idle_timeout), "10s", {100, HOUR, NULL},
        .help = "time after which an idle connection is closed (the WLB service does so after 15 s)",
        .http_only = true},
    {SERVICE(count, backend_retries), "1", {0, 63, NULL},
        .help = "other backends tried for a request without an answer; never for a POST",
        .http_only = true},
    {SERVICE(duration, backend_retry_after), "5s", {0, HOUR, NULL},
        .help = "time for which a backend that refused is skipped"},
    {SERVICE(health, health), "off", ANY,
        .help = "check each backend: connect, or a request as GET /path; one that fails gets none"},
    {SERVICE(statuses, health_status), "200-399", ANY,
        .help = "statuses that a healthy backend answers, as 200-399,401"},
    {SERVICE(duration, health_interval), "5s", {100, HOUR, NULL},
        .help = "time between two checks of a backend, each worker; up to an eighth less or more"},
    {SERVICE(duration, health_timeout), "3s", {100, 10 * MINUTE, NULL},
        .help = "time for a check: to connect, and for the reply with 64 KB of its body"},
    {SERVICE(count, health_rise), "2", {1, 100, NULL},
        .help = "checks in a row that must pass until a failing backend serves again"},
    {SERVICE(count, health_fall), "3", {1, 100, NULL},
        .help = "checks in a row that must fail until a backend gets no more requests"},
    {SERVICE(duration, slow_start), "0", {0, HOUR, NULL},
        .help = "time in which the share of a backend that is back grows to its whole; 0: at once"},
};
/* clang-format on */

static_assert(sizeof(options) / sizeof(options[0]) <= OPTION_COUNT_MAX, "");

size_t option_count(void)
{
    return sizeof(options) / sizeof(options[0]);
}

const struct option *option_at(size_t index)
{
    assert(index < option_count());
    return &options[index];
}

const struct option *option_find(const char *name)
{
    for (size_t i = 0; i < option_count(); i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

size_t option_index(const struct option *option)
{
    return (size_t)(option - options);
}

const char *option_nearest(const char *name)
{
    struct nearest nearest;

    nearest_init(&nearest, name);
    for (size_t i = 0; i < option_count(); i++)
        nearest_offer(&nearest, options[i].name);
    return nearest.word;
}

void *option_field(const struct option *option, void *object)
{
    return (char *)object + option->offset;
}

const void *option_value(const struct option *option, const void *object)
{
    return (const char *)object + option->offset;
}
