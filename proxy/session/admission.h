/*
 * admission.h - who may come in: a bounded table of sources (an IPv4 address, an IPv6
 * /64).
 *
 * Counts each source's connections and, in a one-second leaky bucket, its full
 * handshakes; resumed ones cost next to nothing and are not counted. The rate is only
 * held against a source under pressure: one busy, honest source (a NAT, a benchmark) on a
 * quiet machine is never turned away. A source that finds no place in the table is not
 * limited. Pure: no sockets, the caller brings the time.
 */
#ifndef WLBPROXY_SESSION_ADMISSION_H
#define WLBPROXY_SESSION_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct admission;
struct source;

struct admission_limits {
    uint32_t connections_per_source; /* 0 = no limit */
    uint32_t handshake_rate; /* full ones per source and second; 0 = off */
    uint32_t max_handshakes; /* in progress */
};

enum admission_verdict { ADMIT, ADMIT_NOT_CONNECTIONS, ADMIT_NOT_RATE };

struct admission *admission_new(void);
void admission_free(struct admission *admission);

/* ADMIT: *source (NULL if not tracked) has one connection more, until source_leave(). */
enum admission_verdict admission_enter(struct admission *admission,
    const struct admission_limits *limits, const struct sockaddr_storage *peer,
    uint32_t handshakes_in_progress, uint64_t now, struct source **source);

/* All take NULL. */
uint32_t source_connections(const struct source *source);
void source_leave(struct source *source);
void source_count_full_handshake(struct source *source, uint64_t now);

/* True while so many handshakes are in progress that the rate counts. */
bool admission_is_pressed(
    const struct admission_limits *limits, uint32_t handshakes_in_progress);

#endif
