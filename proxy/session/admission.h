/*
 * admission.h - decides which clients are admitted, by a bounded table of sources (an
 * IPv4 address, an IPv6 /64).
 *
 * It counts each source's connections, its handshakes in progress and, in a one-second
 * leaky bucket, its full handshakes; resumed ones cost almost nothing and are not
 * counted. The rate is held against a source only while CPU is short: a busy, honest
 * source (a NAT, a benchmark) on a quiet machine is never turned away, nor is anybody
 * because others are idle. Before the rate counts, a source with many handshakes waits
 * behind those with few (its priority). A source without a place in the table is not
 * limited. Pure: no sockets, and the caller passes the time.
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
};

enum admission_verdict { ADMIT, ADMIT_NOT_CONNECTIONS, ADMIT_NOT_RATE };

/* The order in which ClientHellos are answered; handshakes are shed in the opposite
 * order. */
enum source_priority {
    SOURCE_VERIFIED, /* it completed its last handshake, not long ago */
    SOURCE_NEW,
    SOURCE_LIMITED, /* it has many in progress, or is over its rate and not verified */
};

struct admission *admission_new(void);
void admission_free(struct admission *admission);

/* ADMIT: *source (NULL if not tracked) has one connection more, until source_leave(), and
 * one handshake in progress more, until source_handshake_over(). `pressed`: CPU is short,
 * so the rate counts. */
enum admission_verdict admission_enter(struct admission *admission,
    const struct admission_limits *limits, const struct sockaddr_storage *peer,
    bool pressed, uint64_t now, struct source **source);

/* All take NULL. */
void source_leave(struct source *source);
void source_handshake_over(struct source *source);
uint32_t source_handshakes(const struct source *source); /* in progress */
enum source_priority source_priority(struct source *source, uint64_t now);

/* Failed logins: `limit` a minute, in a leaky bucket; 0 = no limit. */
void source_login_failed(struct source *source, uint32_t limit, uint64_t now);
bool source_logins_exhausted(struct source *source, uint32_t limit, uint64_t now);

/* The end of a handshake that cost us something. */
void source_handshake_completed(struct source *source, bool resumed, uint64_t now);
void source_handshake_failed(struct source *source, uint64_t now);

#endif
