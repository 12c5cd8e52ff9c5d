/*
 * epoll_retry.h - for a kernel that is out of memory for a while.
 *
 * libuv calls abort() when epoll_ctl() or epoll_wait() fails; in the master that would be
 * the end of the service. So epoll_retry.c has functions of these names, which the linker
 * prefers to libc's, for libuv's calls, too: they ask again until there is memory.
 * Workers go on meanwhile; a master that waits for long is its manager's to judge, by
 * WATCHDOG=1. Where a failure can be coped with, epoll_retry_ctl() tells it.
 */
#ifndef WLBPROXY_BASE_EPOLL_RETRY_H
#define WLBPROXY_BASE_EPOLL_RETRY_H

#include <stdint.h>

struct epoll_event;

int epoll_retry_ctl(int epoll, int operation, int fd, struct epoll_event *event);

/* How often it was needed. */
uint64_t epoll_retry_count(void);

#endif
