/*
 * listen_fds.h - the listening sockets that the service manager passed to us: those of a
 * socket unit, and those that an earlier instance stored there (sd_listen_fds(3)).
 */
#ifndef WLBPROXY_MASTER_LISTEN_FDS_H
#define WLBPROXY_MASTER_LISTEN_FDS_H

#include <stdbool.h>
#include <stddef.h>

struct sockets;

/* Takes listening TCP sockets, by the addresses they are bound to, and closes any others.
 * Clears the variables, so that no child reads them as its own. */
size_t listen_fds_adopt(struct sockets *sockets);

/* Returns whether the manager keeps descriptors for the next instance. */
bool listen_fds_are_kept(void);

/* Gives all of them to the manager, in place of those it had from us. */
void listen_fds_keep(const struct sockets *sockets);

#endif
