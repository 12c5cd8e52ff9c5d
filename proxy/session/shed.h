/*
 * shed.h - which handshake makes room for another, when as many are in progress as may
 * be.
 *
 * Where too many keep us waiting, one of them: the longest of all, but rather one of a
 * source than one that comes alone. One that waits for us only if CPU is short, and never
 * of a source that is known to finish its handshakes. At most a few are looked at.
 */
#ifndef WLBPROXY_SESSION_SHED_H
#define WLBPROXY_SESSION_SHED_H

#include <stdbool.h>

struct client;
struct clients;

/* Before another is accepted. max_handshakes may be silent, and as many may wait for us.
 */
bool shed_is_due(const struct clients *clients);

/* NULL: nobody need go yet. */
struct client *shed_candidate(const struct clients *clients);

/* CPU is short even for those who finish their handshakes: they have waited that long. */
bool cpu_saturated(const struct clients *clients);

#endif
