/*
 * settings.h - the administrator's configuration, as an immutable value.
 *
 * Every field has been filled by the option table (options.h): from the file, or else
 * from the defaults, by the same parsers. Durations are milliseconds, sizes are bytes.
 * Strings and lists belong to the settings. A service option written before the first
 * [section] is the default of all services of that file.
 */
#ifndef WLBPROXY_CONFIG_SETTINGS_H
#define WLBPROXY_CONFIG_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/tls_engine.h"

struct error;

/* The system's issuers; where there are backend_pins, nobody's word counts but theirs. */
#define SETTINGS_CA_AUTO "auto"
#define SETTINGS_CA_SYSTEM "/etc/ssl/certs/ca-certificates.crt"
#define SETTINGS_DEFAULT_FILE "/etc/wlbproxy/wlbproxy.conf"

struct text_list {
    char **items;
    unsigned *lines; /* where each stands in the configuration; 0: in none */
    size_t count;
};

enum protocol { PROTOCOL_HTTP, PROTOCOL_TCP };
enum tls_min { TLS_MIN_1_2, TLS_MIN_1_3 };
enum verify_mode { VERIFY_OFF, VERIFY_OPTIONAL, VERIFY_REQUIRED };
enum crypto_choice { CRYPTO_AUTO, CRYPTO_OPENSSL, CRYPTO_BATCHED };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
/* Bits, like PROXY_VERSION_1 and _2. */
enum proxy_protocol_choice {
    PROXY_PROTOCOL_OFF,
    PROXY_PROTOCOL_V1,
    PROXY_PROTOCOL_V2,
    PROXY_PROTOCOL_ANY,
};
enum forwarded_choice { FORWARDED_OFF, FORWARDED_ON, FORWARDED_APPEND };
enum balance { BALANCE_FIRST, BALANCE_ROUNDROBIN, BALANCE_LEASTCONN, BALANCE_SOURCE };
enum upgrade_choice { UPGRADE_OFF, UPGRADE_WEBSOCKET };

struct service_settings {
    char *name; /* the section's name */
    char *host_name; /* option `name`: the host in the pool's WLB URL; "" = not known */
    struct text_list accept; /* "[address:]port" */
    struct text_list connect; /* see connect_line.h */
    enum balance balance;
    /* Of backends that are connected to by TLS (`connect = tls:...`). */
    bool backend_verify;
    char *backend_ca; /* PEM file of trusted issuers; SETTINGS_CA_AUTO */
    char *backend_name; /* in their certificates, and SNI; "" = the host of connect */
    struct text_list backend_pins; /* as verify_pins */
    char *backend_cert; /* PEM file of the proxy's own certificate there; "" = none */
    char *backend_key; /* "" = it is in backend_cert */
    struct text_list cert; /* PEM files; cert[i] goes with key[i] */
    struct text_list key; /* absent: the key is in cert[i] */
    char *key_password_file; /* "" = the keys are not encrypted */
    struct text_list sni; /* names this service answers to; none: the default service */
    char *pending; /* name (SNI) under which `<cert>.pending` is served; "" = none */
    enum protocol protocol;
    enum tls_engine_choice tls_engine;
    enum tls_min tls_min;
    bool tickets;
    char *ciphers; /* OpenSSL syntax, TLS 1.2 */
    char *ciphersuites; /* OpenSSL syntax, TLS 1.3 */
    char *groups; /* "auto" or colon-separated, OpenSSL names */
    enum verify_mode verify;
    char *ca; /* PEM file of trusted issuers of client certificates; "" = none */
    struct text_list crl; /* PEM files; none: nothing is revoked */
    uint32_t verify_depth;
    struct text_list verify_pins; /* PEM files, and digests; a plan has only digests */
    struct text_list verify_names;
    bool send_root;
    bool xenserver; /* XenServer connects here */
    uint64_t handshake_timeout;
    uint64_t head_timeout;
    uint64_t idle_timeout;
    uint64_t body_timeout;
    uint64_t connect_timeout;
    uint64_t response_timeout;
    uint64_t half_closed_timeout; /* a tunnel with one ended side may be silent for this
                                   * long */
    uint64_t linger_timeout; /* waits this long for the client's end after the last
                              * reply */
    uint64_t max_head; /* bytes of a request or response head */
    uint64_t max_body; /* bytes of a request body; 0 = no limit */
    uint64_t min_rate; /* average bytes/s that a peer must reach in a body; 0 = off */
    uint32_t max_pipelined; /* requests a client may send ahead of their replies */
    struct text_list allow, deny; /* addresses and networks; none: everybody, nobody */
    struct text_list paths; /* "[METHOD,...] /prefix"; none: all */
    uint32_t auth_failures; /* 401 replies allowed to a source each minute; 0 = no
                             * limit */
    enum proxy_protocol_choice proxy_protocol; /* versions of the header that trusted
                                                * peers send */
    enum proxy_protocol_choice send_proxy; /* to the backend; never ANY */
    struct text_list trusted; /* addresses and networks of proxies in front */
    enum forwarded_choice forwarded;
    enum upgrade_choice upgrade;
    uint32_t backend_keepalive; /* idle backend connections kept per worker */
    bool backend_keepalive_post; /* also for requests that may not be sent twice */
    uint64_t backend_idle_timeout; /* an idle connection is used for at most this long */
    uint32_t backend_retries; /* backends tried in place of one that failed */
    uint64_t backend_retry_after; /* a backend that refused is skipped for this long */
    char *health; /* see health.h: how its backends are checked */
    char *health_status; /* see health.h: the statuses of a healthy one */
    uint64_t health_interval; /* from the end of a check to the next one */
    uint64_t health_timeout; /* of a check, from its connect on */
    uint32_t health_rise, health_fall; /* checks in a row that change the verdict */
    uint64_t slow_start; /* until a backend that is back gets its whole share; 0: off */
};

struct settings {
    uint32_t workers; /* 0 = auto: one per CPU */
    char *user;
    char *log; /* "stderr", "syslog", "journal" or a path */
    char *log_level; /* error, warning, info, debug */
    char *access_log; /* "off", "stderr", "syslog", "journal" or a path */
    enum log_format access_log_format;
    uint32_t access_log_sample; /* one of so many requests that went well is logged */
    char *control; /* path of the control socket; "off" = none */
    char *
        admin; /* "[address:]port" or "unix:/path" for metrics and health; "off" = none */
    struct text_list admin_allow; /* addresses and networks; none: only this machine */
    enum crypto_choice crypto;
    bool signer; /* private keys are in the signer; false: in the workers */
    uint64_t batch_hold; /* us that a batch may wait for more operations; 0: none */
    bool watch;
    bool strict_reload;
    bool fixed_ports; /* workers connect to the ports of their start alone */
    uint64_t drain_timeout;
    uint32_t max_connections; /* client connections per worker */
    /* 0 = no limit, or CONNECTIONS_PER_SOURCE_AUTO. */
    uint32_t max_connections_per_source;
    uint32_t max_handshakes; /* in progress, per worker */
    uint32_t handshake_rate; /* full handshakes per source and second; 0 = off */
    uint64_t resolve_interval; /* between two resolutions of the names in `connect`; 0:
                                * none */
    uint64_t ticket_rotation; /* a session ticket key seals for this long */
    uint64_t ticket_lifetime; /* lifetime of a session */
    char *ticket_keys; /* a file that nodes share; "" = keys of our own */
    struct service_settings *services;
    size_t service_count;
};

/* Half of max_connections. */
#define CONNECTIONS_PER_SOURCE_AUTO UINT32_MAX

/* Parses INI text; `name` is used in messages only. NULL and err on any fault. */
struct settings *settings_parse(const char *text, const char *name, struct error *err);

/* Reads and parses a file. A missing file is an error unless `optional`; then the result
 * is the built-in defaults, which suit the appliance. */
struct settings *settings_load(const char *path, bool optional, struct error *err);

/* Returns `control`, a path or "off", of a file that settings_load() refuses, for
 * whatever is wrong elsewhere in it: the proxy that runs by this file listens there. NULL
 * if it has none. The caller frees. */
char *settings_find_control(const char *path);

/* The canonical text: every option with its value. settings_parse() of it gives equal
 * settings; a generation travels to the workers in this form. The caller frees. */
char *settings_print(const struct settings *settings);

/* Adds a copy of the service at `index` under another name. The result is borrowed;
 * services borrowed before are invalid. */
struct service_settings *settings_copy_service(
    struct settings *settings, size_t index, const char *name);

void settings_free(struct settings *settings);

#endif
