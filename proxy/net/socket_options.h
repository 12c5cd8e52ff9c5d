/*
 * socket_options.h - what every TCP connection gets, on either side.
 */
#ifndef WLBPROXY_NET_SOCKET_OPTIONS_H
#define WLBPROXY_NET_SOCKET_OPTIONS_H

/* TCP_NODELAY, and TCP keepalive: of a peer that vanished without a word the kernel tells
 * within two minutes, however long a wait is allowed to be. A listening socket passes
 * both on to the connections it accepts. */
void socket_set_options(int fd);

#endif
