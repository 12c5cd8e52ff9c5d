/*
 * shed.h - chooses the handshake that makes room for another, when as many are in
 * progress as are allowed.
 *
 * Where too many await their peers, it is the one that has waited longest, but a source
 * with several goes before one with a single handshake. A handshake that waits for us is
 * shed only if CPU is short, and never one of a verified source. At most a few are
 * examined.
 */
#ifndef WLBPROXY_SESSION_SHED_H
#define WLBPROXY_SESSION_SHED_H

#include <stdbool.h>

struct client;
struct clients;

/* Called before another is accepted. max_handshakes may await their peers, and as many
 * may wait for us. */
bool shed_is_due(const struct clients *clients);

/* NULL: none has to go yet. */
struct client *shed_candidate(const struct clients *clients);

/* CPU is short even for verified clients: they have waited that long. */
bool cpu_saturated(const struct clients *clients);

#endif
