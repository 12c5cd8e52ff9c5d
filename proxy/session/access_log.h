/*
 * access_log.h - one line per exchange, as text or JSON.
 *
 * What came from outside is quoted and bounded; Authorization and bodies are never in it.
 */
#ifndef WLBPROXY_SESSION_ACCESS_LOG_H
#define WLBPROXY_SESSION_ACCESS_LOG_H

#include <stdint.h>
#include <time.h>

#include "config/settings.h"
#include "proxy/base/buffer.h"
#include "proxy/base/end_reason.h"

struct head;

/* What is kept of a request until its line is written. */
struct access_entry {
    struct buffer text; /* method, target, host, user agent, one after the other */
    uint32_t method, target, host, agent; /* their lengths */
    unsigned minor;
};

/* And of one that became a tunnel, until that ends. */
struct access_tunnel {
    struct access_entry entry;
    struct timespec when;
    uint64_t began; /* ms */
    uint64_t in, out; /* of the client's bytes, those that came and went before */
    const char *backend;
};

struct access_facts {
    struct timespec when; /* the request's head was complete */
    uint64_t conn, in, out, ms;
    const char *peer, *service, *tls, *backend; /* "" if there is none */
    unsigned status; /* 0: no answer was sent */
    enum end_reason reason;
};

void access_entry_fill(struct access_entry *entry, const struct head *head);

/* Appends one line without its newline. */
void access_format(struct buffer *out, enum log_format format,
    const struct access_entry *entry, const struct access_facts *facts);

#endif
