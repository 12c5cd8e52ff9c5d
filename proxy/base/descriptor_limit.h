/*
 * descriptor_limit.h - what the descriptor limit allows.
 */
#ifndef WLBPROXY_BASE_DESCRIPTOR_LIMIT_H
#define WLBPROXY_BASE_DESCRIPTOR_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Raises the soft limit to the hard one: workers inherit it. */
void descriptor_raise_limit(void);
size_t descriptor_limit(void);

/* There are descriptors for an event loop: libuv ends the process when there is none for
 * its pipes. */
bool descriptor_suffices(struct error *err);

/* How many clients there is room for: `wanted`, or what the limit leaves. Each may need a
 * descriptor of its own and one to the backend, besides `others` (idle backend
 * connections, listeners) and a reserve. */
uint32_t descriptor_connections(uint32_t wanted, size_t others);

#endif
