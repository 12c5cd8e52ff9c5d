/*
 * port_owner.h - finds the process that listens on a port already: "stunnel4 (pid 812)".
 */
#ifndef WLBPROXY_MASTER_PORT_OWNER_H
#define WLBPROXY_MASTER_PORT_OWNER_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { PORT_OWNER_TEXT_MAX = 96 };

/* Searches the kernel's socket tables for a listener on the address's port that `is_ours`
 * does not know. "" if there is none; its user if the process is hidden. */
void port_owner_find(const struct sockaddr_storage *address,
    bool (*is_ours)(unsigned long inode, const void *context), const void *context,
    char text[PORT_OWNER_TEXT_MAX]);

/* The process that listens on that TCP port, by any address; 0: none does, or it cannot
 * be seen. Of several that share a socket it is the oldest. */
pid_t port_owner_pid(unsigned port);

/* True: a process listens there. */
bool port_is_held(unsigned port);

#endif
