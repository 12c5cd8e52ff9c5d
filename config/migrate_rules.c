#include "config/migrate_rules.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool migrate_is_yes(const char *value)
{
    return strcasecmp(value, "yes") == 0;
}

static bool same(const char *value, char converted[MIGRATED_MAX])
{
    return snprintf(converted, MIGRATED_MAX, "%s", value) < MIGRATED_MAX;
}

static bool seconds(const char *value, char converted[MIGRATED_MAX])
{
    if (*value == '\0' || value[strspn(value, "0123456789")] != '\0')
        return same(value, converted); /* settings_parse() will complain */
    return atoi(value) > 0 && snprintf(converted, MIGRATED_MAX, "%ss", value) > 0;
}

unsigned migrate_port(const char *text)
{
    const size_t len = strlen(text);
    struct servent *service;

    if (len > 0 && len <= 5 && text[strspn(text, "0123456789")] == '\0')
        return (unsigned)atoi(text);
    service = getservbyname(text, "tcp");
    return service != NULL ? ntohs((uint16_t)service->s_port) : 0;
}

/* stunnel takes the text after the last colon as the port, with IPv6 too. */
static bool address(const char *value, const char *any, char converted[MIGRATED_MAX])
{
    const char *colon = strrchr(value, ':');
    int len = colon == NULL ? 0 : (int)(colon - value), written;
    unsigned port = migrate_port(colon == NULL ? value : colon + 1);

    if (port == 0)
        return false;
    if (len == 0)
        written = snprintf(converted, MIGRATED_MAX, "%s%u", any, port);
    else if (memchr(value, ':', (size_t)len) != NULL && *value != '[')
        written = snprintf(converted, MIGRATED_MAX, "[%.*s]:%u", len, value, port);
    else
        written = snprintf(converted, MIGRATED_MAX, "%.*s:%u", len, value, port);
    return written > 0 && written < MIGRATED_MAX;
}

static bool accept_address(const char *value, char converted[MIGRATED_MAX])
{
    return address(value, "", converted);
}

static bool connect_address(const char *value, char converted[MIGRATED_MAX])
{
    if (*value == '/')
        return snprintf(converted, MIGRATED_MAX, "unix:%s", value) < MIGRATED_MAX;
    return address(value, "127.0.0.1:", converted);
}

/* "5", "info" or "daemon.info". */
static bool log_level(const char *value, char converted[MIGRATED_MAX])
{
    static const char *const names[] = {
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
    static const char *const ours[] = {
        "error", "error", "error", "error", "warning", "info", "info", "debug"};
    const char *dot = strrchr(value, '.');
    const char *level = dot != NULL ? dot + 1 : value;

    for (int i = 0; i < 8; i++) {
        char digit[2] = {(char)('0' + i), '\0'};

        if (strcasecmp(level, names[i]) == 0 || strcmp(level, digit) == 0)
            return same(ours[i], converted);
    }
    return false;
}

static bool log_target(const char *value, char converted[MIGRATED_MAX])
{
    if (strcmp(value, "/dev/stdout") == 0 || strcmp(value, "/dev/stderr") == 0)
        return same("stderr", converted);
    return same(value, converted);
}

static bool log_to_syslog(const char *value, char converted[MIGRATED_MAX])
{
    return migrate_is_yes(value) && same("syslog", converted);
}

/* stunnel's `protocol = proxy` in a server sends a header of version 1. */
static bool send_proxy(const char *value, char converted[MIGRATED_MAX])
{
    return strcasecmp(value, "proxy") == 0 && same("v1", converted);
}

/* Without `sessionResume` every handshake is a full one. */
static bool tickets(const char *value, char converted[MIGRATED_MAX])
{
    return !migrate_is_yes(value) && same("off", converted);
}

static bool never(const char *value, char converted[MIGRATED_MAX])
{
    (void)value;
    (void)converted;
    return false;
}

#define TO(ours) MIGRATE_TO, ours
#define VERIFY MIGRATE_VERIFY, NULL, never
#define TLS MIGRATE_TLS, NULL, never
#define BY_PROTOCOL MIGRATE_BY_PROTOCOL, NULL, never
#define UNUSED MIGRATE_UNUSED, NULL, never
#define LOST MIGRATE_LOST, NULL, never
#define REFUSED MIGRATE_REFUSED, NULL, never

/* clang-format off */
static const struct migrate_rule rules[] = {
    {"accept", TO("accept"), accept_address, .must_convert = true,
        .note = "neither a number nor a name of /etc/services"},
    {"connect", TO("connect"), connect_address, .must_convert = true,
        .note = "neither a number nor a name of /etc/services"},
    {"cert", TO("cert"), same, .note = ""},
    {"key", TO("key"), same, .note = ""},
    {"ciphersuites", TO("ciphersuites"), same, .note = ""},
    {"curve", TO("groups"), same, .note = ""},
    {"curves", TO("groups"), same, .note = ""},
    {"TIMEOUTconnect", TO("connect_timeout"), seconds, .note = "there is always a limit"},
    {"sessionResume", TO("tickets"), tickets, .note = "sessions live in tickets"},
    {"TIMEOUTclose", BY_PROTOCOL, .note = ""},
    {"TIMEOUTidle", BY_PROTOCOL, .note = ""},

    {"setuid", TO("user"), same, .note = "", .global = true},
    {"debug", TO("log_level"), log_level, .note = "no such level", .global = true},
    {"output", TO("log"), log_target, .note = "", .global = true},
    {"syslog", TO("log"), log_to_syslog, .global = true, .yields = true,
        .note = "the log goes to standard error unless told"},

    {"verify", VERIFY, .note = ""},
    {"verifyChain", VERIFY, .note = ""},
    {"verifyPeer", VERIFY, .note = ""},
    {"requireCert", VERIFY, .note = ""},
    {"CAfile", VERIFY, .note = ""},
    {"CApath", VERIFY, .note = "put the issuers into one file and name it with ca"},
    {"CRLfile", VERIFY, .note = ""},
    {"CRLpath", VERIFY, .note = "put the lists into one file and name it with crl"},
    {"checkHost", VERIFY, .note = ""},
    {"checkEmail", VERIFY, .note = ""},
    {"checkIP", VERIFY, .note = ""},
    {"OCSP", VERIFY, .note = "no OCSP queries are made: use crl"},
    {"OCSPaia", VERIFY, .note = "no OCSP queries are made: use crl"},
    {"OCSPrequire", VERIFY, .note = "no OCSP queries are made: use crl"},

    {"ciphers", TLS, .note = ""},
    {"options", TLS, .note = ""},
    {"securityLevel", TLS, .note = ""},
    {"sslVersion", TLS, .note = ""},
    {"sslVersionMin", TLS, .note = ""},
    {"sslVersionMax", TLS, .note = ""},

    {"foreground", UNUSED, .global = true, .note = "runs in the foreground, under systemd"},
    {"pid", UNUSED, .global = true,
        .note = "no pid file: the control socket and systemd know the process"},
    {"setgid", UNUSED, .global = true, .note = "the group is that of the user"},
    {"chroot", UNUSED, .global = true, .note = "workers can open no file anyway"},
    {"log", UNUSED, .global = true, .note = "log files are appended to; USR1 opens them anew"},
    {"service", UNUSED, .global = true, .note = "systemd names the service"},
    {"compression", UNUSED, .global = true, .note = "TLS compression is never on"},
    {"fips", UNUSED, .global = true, .note = "as OpenSSL's own configuration says"},
    {"RNDbytes", UNUSED, .global = true, .note = "the kernel gives random bytes"},
    {"RNDfile", UNUSED, .global = true, .note = "the kernel gives random bytes"},
    {"RNDoverwrite", UNUSED, .global = true, .note = "the kernel gives random bytes"},
    {"EGD", UNUSED, .global = true, .note = "the kernel gives random bytes"},
    {"socket", UNUSED, .note = "TCP_NODELAY and keep-alive are set as they should be"},
    {"client", UNUSED, .note = "every service accepts TLS"},
    {"renegotiation", UNUSED, .note = "never allowed"},
    {"reset", UNUSED, .note = "a cut reply is always made visible"},
    {"delay", UNUSED, .note = "names are resolved again while it runs"},
    {"failover", UNUSED, .note = "see the differences at the head of the service"},
    {"session", UNUSED, .note = "sessions live in tickets"},
    {"sessionCacheSize", UNUSED, .note = "sessions live in tickets"},
    {"sessionCacheTimeout", UNUSED, .note = "sessions live in tickets: see ticket_lifetime"},
    {"ticketKeySecret", UNUSED, .note = "ticket keys are made and rotated by themselves",
        .secret = true},
    {"ticketMacSecret", UNUSED, .note = "ticket keys are made and rotated by themselves",
        .secret = true},
    {"TIMEOUTbusy", UNUSED,
        .note = "each state has its own: handshake_timeout, head_timeout, body_timeout"},
    {"stack", UNUSED, .note = "there are no threads"},
    {"logId", UNUSED, .note = "each connection has a number in the log"},
    {"retry", UNUSED, .note = "no programs are started"},
    {"OCSPnonce", UNUSED, .note = "see OCSP"},
    {"OCSPflag", UNUSED, .note = "see OCSP"},
    {"dhparam", UNUSED, .note = "only elliptic curves are used"},

    {"include", LOST, .global = true, .note = "migrate those files, too, and join the results"},
    {"engine", LOST, .global = true, .note = "keys are read from PEM files"},
    {"engineCtrl", LOST, .global = true, .note = "keys are read from PEM files", .secret = true},
    {"engineDefault", LOST, .global = true, .note = "keys are read from PEM files"},
    {"provider", LOST, .global = true, .note = "keys are read from PEM files"},
    {"providerParameter", LOST, .global = true, .note = "keys are read from PEM files",
        .secret = true},
    {"setEnv", LOST, .global = true, .note = "set it in the systemd unit", .secret = true},
    {"ident", LOST, .note = "no ident queries are made"},
    {"local", LOST, .note = "the kernel chooses the address towards the backend"},
    {"redirect", LOST, .note = "a client without a good certificate is refused"},
    {"sessiond", LOST, .note = "sessions live in tickets"},

    {"libwrap", REFUSED, .note = "hosts.allow and hosts.deny are not read: it would serve everybody"},
    {"transparent", REFUSED,
        .note = "the backend would see this machine's address; it learns the client's from X-Forwarded-For"},
    {"protocol", TO("send_proxy"), send_proxy, .must_convert = true,
        .note = "only HTTP, plain TCP and the PROXY protocol are spoken to the backend"},
    {"protocolAuthentication", UNUSED, .note = "see protocol"},
    {"protocolDomain", UNUSED, .note = "see protocol"},
    {"protocolHeader", UNUSED, .note = "see protocol"},
    {"protocolHost", UNUSED, .note = "see protocol"},
    {"protocolPassword", UNUSED, .note = "see protocol", .secret = true},
    {"protocolUsername", UNUSED, .note = "see protocol", .secret = true},
    {"exec", REFUSED, .note = "programs are not started: connect to a socket instead"},
    {"execArgs", UNUSED, .note = "see exec", .secret = true},
    {"pty", UNUSED, .note = "see exec"},
    {"PSKidentity", REFUSED, .note = "clients are known by certificates, not by shared keys",
        .secret = true},
    {"PSKsecrets", REFUSED, .note = "clients are known by certificates, not by shared keys",
        .secret = true},
    {"engineId", REFUSED, .note = "keys are read from PEM files"},
    {"engineNum", REFUSED, .note = "keys are read from PEM files"},
    {"config", REFUSED, .note = "OpenSSL's configuration commands are not taken"},
};
/* clang-format on */

const struct migrate_rule *migrate_rule_find(const char *stunnel)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcasecmp(rules[i].stunnel, stunnel) == 0)
            return &rules[i];
    }
    return NULL;
}
