/*
 * capabilities.h - which capabilities a process has left. Of the calling thread: called
 * while there is one.
 */
#ifndef WLBPROXY_BASE_CAPABILITIES_H
#define WLBPROXY_BASE_CAPABILITIES_H

#include <stdint.h>

/* A program that is executed from now on gets none but these (1 << CAP_...) back. Without
 * CAP_SETPCAP nothing happens: whoever took that has seen to the others. */
void capabilities_bound(uint64_t kept);

/* The same, and this process has no others any more. */
void capabilities_keep(uint64_t kept);

#endif
