/*
 * control_requests.h - what the master does for those who ask at the control socket.
 */
#ifndef WLBPROXY_MASTER_CONTROL_REQUESTS_H
#define WLBPROXY_MASTER_CONTROL_REQUESTS_H

struct master;

void control_requests_init(struct master *m);

#endif
