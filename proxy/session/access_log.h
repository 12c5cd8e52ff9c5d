/*
 * access_log.h - one line per request, as text or JSON. docs/access-log.md describes it.
 *
 * Values that the proxy knows come first, those that a client chose last. Each value is
 * bounded by its escaped length, so that a line is always whole: it ends within
 * ACCESS_LINE_MAX and can be parsed, whatever a client sends. Authorization and bodies
 * are never in it.
 */
#ifndef WLBPROXY_SESSION_ACCESS_LOG_H
#define WLBPROXY_SESSION_ACCESS_LOG_H

#include <stdint.h>
#include <time.h>

#include "config/settings.h"
#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"
#include "proxy/http/head.h"

/* Below LOG_LINE_MAX by the length of syslog's prefix. */
enum { ACCESS_LINE_MAX = 4000 };

/* Bytes of each value from outside, escaped; no more of it need be kept. */
enum {
    ACCESS_METHOD_MAX = 32,
    ACCESS_TARGET_MAX = 1280,
    ACCESS_HOST_MAX = 300,
    ACCESS_AGENT_MAX = 400,
    ACCESS_SNI_MAX = 300,
    ACCESS_CERT_MAX = 400,
};

enum { ACCESS_NO_TIME = -1 }; /* for first_byte_ms and backend_ms */

struct access_entry {
    struct timespec when; /* the time when the request's head was complete */
    uint64_t conn, in, out, ms;
    int64_t first_byte_ms, backend_ms;
    /* "" if there is none */
    const char *id, *peer, *service, *backend, *tls, *cipher, *group;
    unsigned status; /* 0: no answer was sent */
    enum end_reason reason;
    uint32_t sample; /* the line stands for so many requests */
    bool read; /* a head was accepted: minor and the values below are known */
    unsigned minor; /* HTTP/1.minor */
    struct span sni, cert, method, target, host, agent;
};

/* Appends one line without its newline. */
void access_format(
    struct buffer *out, enum log_format format, const struct access_entry *entry);

#endif
