/*
 * admin_clients.h - the connections to the admin address: HTTP/1.1, one request each.
 *
 * Few at a time: when there is no room for a new one, the oldest is closed. No peer
 * can hold its connection for more than seconds. The owner polls the descriptors.
 */
#ifndef WLBPROXY_ADMIN_ADMIN_CLIENTS_H
#define WLBPROXY_ADMIN_ADMIN_CLIENTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { ADMIN_CLIENTS_MAX = 16 };

/* Takes over an accepted, non-blocking connection. One that is not `allowed` gets a
 * refusal. */
void admin_clients_add(int fd, bool allowed, uint64_t now);

/* Fills ADMIN_CLIENTS_MAX polls. Returns the ms until the next deadline; -1: there is
 * none. */
int admin_clients_poll(struct pollfd *polls, uint64_t now);

/* Serves the same polls after the wait. */
void admin_clients_serve(const struct pollfd *polls, uint64_t now);

/* Returns whether a request waits for the status. */
bool admin_clients_await_status(void);
/* Answers the requests that wait. `status` NULL: the master did not send it in time. */
void admin_clients_take_status(const json_t *status, uint64_t now);

void admin_clients_close_all(void);

#endif
