/*
 * capabilities.h - limits the capabilities of a process. The functions change the calling
 * thread only: call them while there is one.
 */
#ifndef WLBPROXY_BASE_CAPABILITIES_H
#define WLBPROXY_BASE_CAPABILITIES_H

#include <stdint.h>

/* Bounds the capabilities of programs executed from now on to `kept` (1 << CAP_...).
 * Without CAP_SETPCAP nothing happens: the service manager that took it has set the
 * bound. */
void capabilities_bound(uint64_t kept);

/* Does the same, and drops all other capabilities of this process. */
void capabilities_keep(uint64_t kept);

#endif
