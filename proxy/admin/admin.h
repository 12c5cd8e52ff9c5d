/*
 * admin.h - the process that tells how the proxy is, over HTTP: metrics, health, status.
 *
 * It has no key and no secret, opens nothing and connects to nobody. The master starts it
 * with a channel. Over that channel it gets its listening socket and, when it asks, the
 * status.
 */
#ifndef WLBPROXY_ADMIN_ADMIN_H
#define WLBPROXY_ADMIN_ADMIN_H

int admin_main(void);

#endif
