#include "proxy/base/epoll_retry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proxy/base/log.h"

enum { REMOVAL_TRIES = 20 };

static uint64_t waits;

static void wait_a_moment(void)
{
    static const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};

    waits++;
    (void)syscall(SYS_nanosleep, &moment, NULL);
}

static bool is_mistake(int error)
{
    return error == EBADF || error == EINVAL || error == EFAULT;
}

/* It tells something about the descriptor; libuv asks for EEXIST and EPERM. */
static bool is_answer(int error)
{
    return is_mistake(error) || error == EEXIST || error == ENOENT || error == EPERM ||
        error == ELOOP;
}

int epoll_retry_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int result, tries = 0;

    /* Removing a descriptor takes no memory, and libuv mostly ignores a failure of it. */
    while ((result = epoll_retry_ctl(epoll, operation, fd, event)) != 0 &&
        (operation != EPOLL_CTL_DEL || tries++ < REMOVAL_TRIES) && !is_answer(errno))
        wait_a_moment();
    return result;
}

/* libuv retries after EINTR and ends the process on any other error, even on the ENOSYS
 * of a tracer that detaches in the middle of the call. */
static int interrupted(int count)
{
    if (count < 0 && errno != EINTR && !is_mistake(errno)) {
        wait_a_moment();
        errno = EINTR;
    }
    return count;
}

int epoll_pwait(int epoll, struct epoll_event *events, int capacity, int timeout,
    const sigset_t *mask)
{
    enum { KERNEL_SIGSET_BYTES = 8 };

    return interrupted((int)syscall(SYS_epoll_pwait, epoll, events, capacity, timeout,
        mask, (size_t)KERNEL_SIGSET_BYTES));
}

int epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout)
{
    return epoll_pwait(epoll, events, capacity, timeout, NULL);
}

void epoll_retry_tell(void)
{
    static uint64_t told;

    if (waits != told)
        log_warning("event=kernel_memory waits=%llu text=\"the kernel was out of memory "
                    "for a while\"",
            (unsigned long long)(waits - told));
    told = waits;
}
