/*
 * descriptor_limit.h - what the descriptor limit allows.
 */
#ifndef WLBPROXY_BASE_DESCRIPTOR_LIMIT_H
#define WLBPROXY_BASE_DESCRIPTOR_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct settings;

/* Raises the soft limit to the hard one: workers inherit it. */
void descriptor_raise_limit(void);
size_t descriptor_limit(void);

/* There are descriptors for an event loop: libuv ends the process when there is none for
 * its pipes. */
bool descriptor_suffices(struct error *err);

/* max_connections, or what the limit leaves for clients: each may need a descriptor of
 * its own and one to the backend, besides idle backend connections, listeners and a
 * reserve. */
uint32_t descriptor_connections(const struct settings *settings);

#endif
