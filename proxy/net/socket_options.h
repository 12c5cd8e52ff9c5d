/*
 * socket_options.h - the options of every TCP connection, on either side.
 */
#ifndef WLBPROXY_NET_SOCKET_OPTIONS_H
#define WLBPROXY_NET_SOCKET_OPTIONS_H

/* TCP_NODELAY, and TCP keepalive: the kernel reports a peer that has vanished within two
 * minutes, however long a wait may last. Connections inherit both from their listening
 * socket. */
void socket_set_options(int fd);

#endif
