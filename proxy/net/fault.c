#include "proxy/net/fault.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* 0: that fault does not happen. */
static struct {
    unsigned long recv, send, again, accept;
} faults;

static unsigned long number(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

static void read_environment(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    faults.recv = number("WLB_FAULT_RECV");
    faults.send = number("WLB_FAULT_SEND");
    faults.again = number("WLB_FAULT_EAGAIN");
    faults.accept = number("WLB_FAULT_ACCEPT");
}

static bool every(unsigned long n, unsigned long *calls)
{
    return n > 0 && ++*calls % n == 0;
}

static bool again(void)
{
    static unsigned long calls;

    read_environment();
    if (!every(faults.again, &calls))
        return false;
    errno = EAGAIN;
    return true;
}

static size_t bounded(size_t len, unsigned long most)
{
    return most > 0 && len > most ? most : len;
}

ssize_t fault_recv(int fd, void *bytes, size_t len)
{
    if (again())
        return -1;
    return recv(fd, bytes, bounded(len, faults.recv), MSG_DONTWAIT);
}

ssize_t fault_send(int fd, const void *bytes, size_t len, int flags)
{
    if (again())
        return -1;
    return send(
        fd, bytes, bounded(len, faults.send), flags | MSG_NOSIGNAL | MSG_DONTWAIT);
}

int fault_accept(int fd, struct sockaddr *peer, socklen_t *len)
{
    static unsigned long calls;

    read_environment();
    if (every(faults.accept, &calls)) {
        errno = EMFILE;
        return -1;
    }
    return accept4(fd, peer, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool fault_took_all(size_t n, size_t capacity)
{
    return n < bounded(capacity, faults.recv);
}
