/*
 * fault.h - the socket calls of this layer, with faults injected in a test build.
 *
 * With WLB_FAULTS these environment variables, read at the first call, make the network
 * bad: WLB_FAULT_RECV and WLB_FAULT_SEND bound the bytes of one call, WLB_FAULT_EAGAIN
 * and WLB_FAULT_ACCEPT make every n-th call fail with EAGAIN, accept4() with EMFILE.
 * Without it they are the system calls themselves.
 */
#ifndef WLBPROXY_NET_FAULT_H
#define WLBPROXY_NET_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef WLB_FAULTS

ssize_t fault_recv(int fd, void *bytes, size_t len);
ssize_t fault_send(int fd, const void *bytes, size_t len, int flags);
int fault_accept(int fd, struct sockaddr *peer, socklen_t *len);
bool fault_took_all(size_t n, size_t capacity);

#else

static inline ssize_t fault_recv(int fd, void *bytes, size_t len)
{
    return recv(fd, bytes, len, MSG_DONTWAIT);
}

static inline ssize_t fault_send(int fd, const void *bytes, size_t len, int flags)
{
    return send(fd, bytes, len, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline int fault_accept(int fd, struct sockaddr *peer, socklen_t *len)
{
    return accept4(fd, peer, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Returns whether fault_recv() has taken all there was. */
static inline bool fault_took_all(size_t n, size_t capacity)
{
    return n < capacity;
}

#endif
#endif
