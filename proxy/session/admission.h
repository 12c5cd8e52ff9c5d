/*
 * admission.h - who may come in: a bounded table of sources (an IPv4 address, an IPv6
 * /64).
 *
 * Counts each source's connections, its handshakes in progress and, in a one-second leaky
 * bucket, its full handshakes; resumed ones cost next to nothing and are not counted. The
 * rate is only held against a source while CPU is short: one busy, honest source (a NAT,
 * a benchmark) on a quiet machine is never turned away, nor is anybody because others
 * stand still. Before that, who comes in great number waits behind who does not (its
 * priority). A source that finds no place in the table is not limited. Pure: no sockets,
 * the caller brings the time.
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

/* Whose hello is answered first, whose handshake is the last to be shed. */
enum source_priority {
    SOURCE_VERIFIED, /* finished its last handshake, not long ago */
    SOURCE_NEW,
    SOURCE_CROWD, /* many in progress, or over its rate and not verified */
};

struct admission *admission_new(void);
void admission_free(struct admission *admission);

/* ADMIT: *source (NULL if not tracked) has one connection more, until source_leave(), and
 * one handshake in progress more, until source_handshake_over(). `pressed`: CPU is short,
 * the rate counts. */
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

/* How a handshake that cost us something ended. */
void source_handshake_completed(struct source *source, bool resumed, uint64_t now);
void source_handshake_failed(struct source *source, uint64_t now);

#endif
