#include "config/migrate_rules.h"

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

/* stunnel takes what follows the last colon for the port, IPv6 or not. */
static bool address(const char *value, const char *any, char converted[MIGRATED_MAX])
{
    const char *colon = strrchr(value, ':');
    int len = colon == NULL ? 0 : (int)(colon - value);

    if (colon == NULL)
        snprintf(converted, MIGRATED_MAX, "%s%s", any, value);
    else if (len == 0)
        snprintf(converted, MIGRATED_MAX, "%s%s", any, colon + 1);
    else if (memchr(value, ':', (size_t)len) != NULL && *value != '[')
        snprintf(converted, MIGRATED_MAX, "[%.*s]:%s", len, value, colon + 1);
    else
        return same(value, converted);
    return true;
}

static bool accept_address(const char *value, char converted[MIGRATED_MAX])
{
    return address(value, "", converted);
}

static bool connect_address(const char *value, char converted[MIGRATED_MAX])
{
    if (*value == '/')
        return snprintf(converted, MIGRATED_MAX, "unix:%s", value) > 0;
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

static bool required_if_yes(const char *value, char converted[MIGRATED_MAX])
{
    return migrate_is_yes(value) && same("required", converted);
}

static bool optional_if_no(const char *value, char converted[MIGRATED_MAX])
{
    return same(migrate_is_yes(value) ? "required" : "optional", converted);
}

static bool verify_level(const char *value, char converted[MIGRATED_MAX])
{
    if (strcmp(value, "0") == 0)
        return false;
    return same(strcmp(value, "1") == 0 ? "optional" : "required", converted);
}

static bool oldest_tls(const char *value, char converted[MIGRATED_MAX])
{
    if (strcasecmp(value, "TLSv1.3") == 0)
        return same("1.3", converted);
    return strcasecmp(value, "TLSv1.2") == 0 && same("1.2", converted);
}

static bool never(const char *value, char converted[MIGRATED_MAX])
{
    (void)value;
    (void)converted;
    return false;
}

#define TO(ours) MIGRATE_TO, ours
#define UNUSED MIGRATE_UNUSED, NULL, never
#define LOST MIGRATE_LOST, NULL, never

/* clang-format off */
static const struct migrate_rule rules[] = {
    {"accept", TO("accept"), accept_address, .note = ""},
    {"connect", TO("connect"), connect_address, .note = ""},
    {"cert", TO("cert"), same, .note = ""},
    {"key", TO("key"), same, .note = ""},
    {"ciphers", TO("ciphers"), same, .note = ""},
    {"ciphersuites", TO("ciphersuites"), same, .note = ""},
    {"curve", TO("groups"), same, .note = ""},
    {"curves", TO("groups"), same, .note = ""},
    {"setuid", TO("user"), same, .note = ""},
    {"debug", TO("log_level"), log_level, .note = "no such level"},
    {"output", TO("log"), log_target, .note = ""},
    {"syslog", TO("log"), log_to_syslog, .note = "the log goes to standard error unless told",
        .yields = true},
    {"CAfile", TO("ca"), same, .note = ""},
    {"CRLfile", TO("crl"), same, .note = ""},
    {"verify", TO("verify"), verify_level, .note = "clients are not asked for a certificate"},
    {"verifyChain", TO("verify"), required_if_yes, .note = "that is the default"},
    {"requireCert", TO("verify"), optional_if_no, .note = ""},
    {"sslVersion", TO("tls_min"), oldest_tls, .note = "TLS 1.2 and 1.3 are spoken, older ones never"},
    {"sslVersionMin", TO("tls_min"), oldest_tls, .note = "TLS 1.2 and 1.3 are spoken, older ones never"},
    {"TIMEOUTconnect", TO("connect_timeout"), seconds, .note = "there is always a limit"},
    {"TIMEOUTclose", TO("linger_timeout"), seconds,
        .note = "0 would lose the end of replies: the default stays"},

    {"foreground", UNUSED, .note = "runs in the foreground, under systemd"},
    {"pid", UNUSED, .note = "no pid file: the control socket and systemd know the process"},
    {"setgid", UNUSED, .note = "the group is that of the user"},
    {"chroot", UNUSED, .note = "workers cannot open files; a chroot would break reloads"},
    {"log", UNUSED, .note = "log files are appended to; USR1 opens them anew"},
    {"service", UNUSED, .note = "of no use here"},
    {"socket", UNUSED, .note = "TCP_NODELAY and keep-alive are set as they should be"},
    {"compression", UNUSED, .note = "TLS compression is never on"},
    {"fips", UNUSED, .note = "as OpenSSL's own configuration says"},
    {"client", UNUSED, .note = "wlbproxy is a server only"},
    {"options", UNUSED, .note = "old protocols, compression and renegotiation are always off"},
    {"renegotiation", UNUSED, .note = "never allowed"},
    {"reset", UNUSED, .note = "a cut reply is always made visible"},
    {"delay", UNUSED, .note = "names are resolved at start and reload"},
    {"failover", UNUSED, .note = "of several backends the first that answers is taken"},
    {"session", UNUSED, .note = "sessions live in tickets"},
    {"sessionCacheSize", UNUSED, .note = "sessions live in tickets"},
    {"sessionCacheTimeout", UNUSED, .note = "sessions live in tickets: see ticket_rotation"},
    {"ticketKeySecret", UNUSED, .note = "ticket keys are made and rotated by themselves",
        .secret = true},
    {"ticketMacSecret", UNUSED, .note = "ticket keys are made and rotated by themselves",
        .secret = true},
    {"securityLevel", UNUSED, .note = "always OpenSSL's level 2"},
    {"TIMEOUTbusy", UNUSED, .note = "each state has its own: handshake_timeout, head_timeout, body_timeout"},
    {"TIMEOUTidle", UNUSED, .note = "each state has its own: idle_timeout, response_timeout"},
    {"RNDbytes", UNUSED, .note = "the kernel gives random bytes"},
    {"RNDfile", UNUSED, .note = "the kernel gives random bytes"},
    {"RNDoverwrite", UNUSED, .note = "the kernel gives random bytes"},
    {"EGD", UNUSED, .note = "the kernel gives random bytes"},
    {"stack", UNUSED, .note = "there are no threads"},
    {"logId", UNUSED, .note = "each connection has a number in the log"},
    {"retry", UNUSED, .note = "there is no exec"},
    {"OCSPnonce", UNUSED, .note = "see OCSP"},
    {"OCSPflag", UNUSED, .note = "see OCSP"},

    {"include", LOST, .note = "migrate those files as well, and put them into one"},
    {"verifyPeer", LOST, .note = "one certificate cannot be pinned: use ca with verify = required"},
    {"CApath", LOST, .note = "put the issuers into one file and name it with ca"},
    {"CRLpath", LOST, .note = "put the lists into one file and name it with crl"},
    {"sslVersionMax", LOST, .note = "TLS 1.3 cannot be switched off; clients of TLS 1.2 are served"},
    {"libwrap", LOST, .note = "limit the clients in the firewall"},
    {"ident", LOST, .note = "no ident queries are made"},
    {"local", LOST, .note = "the kernel chooses the address towards the backend"},
    {"transparent", LOST, .note = "the backend learns the client's address from X-Forwarded-For"},
    {"protocol", LOST, .note = "only HTTP and plain TCP are spoken to the backend"},
    {"protocolAuthentication", LOST, .note = "see protocol"},
    {"protocolDomain", LOST, .note = "see protocol"},
    {"protocolHeader", LOST, .note = "see protocol"},
    {"protocolHost", LOST, .note = "see protocol"},
    {"protocolPassword", LOST, .note = "see protocol", .secret = true},
    {"protocolUsername", LOST, .note = "see protocol", .secret = true},
    {"redirect", LOST, .note = "a client without a good certificate is refused"},
    {"exec", LOST, .note = "programs are not started: connect to a socket instead"},
    {"execArgs", LOST, .note = "programs are not started", .secret = true},
    {"pty", LOST, .note = "programs are not started"},
    {"PSKidentity", LOST, .note = "certificates only", .secret = true},
    {"PSKsecrets", LOST, .note = "certificates only", .secret = true},
    {"engine", LOST, .note = "keys are read from PEM files"},
    {"engineCtrl", LOST, .note = "keys are read from PEM files", .secret = true},
    {"engineDefault", LOST, .note = "keys are read from PEM files"},
    {"engineId", LOST, .note = "keys are read from PEM files"},
    {"engineNum", LOST, .note = "keys are read from PEM files"},
    {"provider", LOST, .note = "keys are read from PEM files"},
    {"providerParameter", LOST, .note = "keys are read from PEM files", .secret = true},
    {"setEnv", LOST, .note = "set it in the systemd unit", .secret = true},
    {"config", LOST, .note = "OpenSSL commands are not taken; see the options of the table"},
    {"checkHost", LOST, .note = "the names of client certificates are not judged"},
    {"checkEmail", LOST, .note = "the names of client certificates are not judged"},
    {"checkIP", LOST, .note = "the names of client certificates are not judged"},
    {"OCSP", LOST, .note = "no OCSP queries: use crl"},
    {"OCSPaia", LOST, .note = "no OCSP queries: use crl"},
    {"OCSPrequire", LOST, .note = "no OCSP queries: use crl"},
    {"dhparam", UNUSED, .note = "only elliptic curves are used"},
    {"sessiond", LOST, .note = "sessions live in tickets"},
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
