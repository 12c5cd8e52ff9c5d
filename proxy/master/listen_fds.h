/*
 * listen_fds.h - listening sockets that the service manager passed to us: those of a
 * socket unit, and those that an instance before us stored there (sd_listen_fds(3)).
 */
#ifndef WLBPROXY_MASTER_LISTEN_FDS_H
#define WLBPROXY_MASTER_LISTEN_FDS_H

#include <stdbool.h>
#include <stddef.h>

struct sockets;

/* Takes those that are listening TCP sockets, by the addresses they are bound to, and
 * closes any other. Clears the variables, so that no child takes them for its own. */
size_t listen_fds_adopt(struct sockets *sockets);

/* Does the manager keep descriptors for the next instance? */
bool listen_fds_are_kept(void);

/* Hands all of them to the manager in place of those it had of us. */
void listen_fds_keep(const struct sockets *sockets);

#endif
