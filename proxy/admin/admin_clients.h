/*
 * admin_clients.h - the connections to the admin address: HTTP/1.1, one request each.
 *
 * Few at a time: when there is no room for a new one, the oldest is closed. Whatever a
 * peer does, its connection ends within seconds. The owner polls the descriptors.
 */
#ifndef WLBPROXY_ADMIN_ADMIN_CLIENTS_H
#define WLBPROXY_ADMIN_ADMIN_CLIENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { ADMIN_CLIENTS_MAX = 16 };

/* A connection that was accepted, non-blocking. `allowed` false: it is told so. */
void admin_clients_add(int fd, bool allowed, uint64_t now);

/* What to wait for: fills ADMIN_CLIENTS_MAX polls; ms until the next is due, -1: never.
 */
int admin_clients_poll(struct pollfd *polls, uint64_t now);

/* The same polls, after the wait. */
void admin_clients_serve(const struct pollfd *polls, uint64_t now);

/* Is there one that cannot be answered without the status? */
bool admin_clients_await_status(void);
/* Answers them. NULL: it did not come. */
void admin_clients_take_status(const json_t *status, uint64_t now);

void admin_clients_close_all(void);

#endif
