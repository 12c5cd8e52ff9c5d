/*
 * descriptor_limit.h - the descriptor limit, and how many clients it allows.
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

/* Returns whether there are descriptors for an event loop: without one for its pipes
 * libuv ends the process. */
bool descriptor_suffices(struct error *err);

/* Returns the number of clients that fit: `wanted`, or fewer if the limit is too low. A
 * client may need two descriptors, its own and one to the backend, besides `others` (idle
 * backend connections, listeners) and a reserve. */
uint32_t descriptor_connections(uint32_t wanted, size_t others);

#endif
