/*
 * epoll_retry.h - retries epoll calls while the kernel is out of memory.
 *
 * libuv calls abort() when epoll_ctl() or epoll_wait() fails; in the master that would be
 * the end of the service. epoll_retry.c therefore defines functions of these names. The
 * linker prefers them to libc's, for libuv's calls, too, and they retry until there is
 * memory. Workers continue meanwhile. The service manager judges by WATCHDOG=1 whether
 * the master has waited too long. epoll_retry_ctl() reports the failure, for callers that
 * can handle it.
 */
#ifndef WLBPROXY_BASE_EPOLL_RETRY_H
#define WLBPROXY_BASE_EPOLL_RETRY_H

struct epoll_event;

int epoll_retry_ctl(int epoll, int operation, int fd, struct epoll_event *event);

/* Logs how many calls had to be repeated since the last call of this, if any. */
void epoll_retry_tell(void);

#endif
