#include "proxy/base/descriptor_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/base/error.h"

enum { RESERVE = 64, LEAST = 8, PIPES = 4 };

void descriptor_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

size_t descriptor_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur : 1024;
}

bool descriptor_suffices(struct error *err)
{
    int pipes[PIPES][2];
    int count = 0, error = 0;

    while (count < PIPES && error == 0) {
        if (pipe2(pipes[count], O_CLOEXEC) == 0)
            count++;
        else
            error = errno;
    }
    while (count-- > 0) {
        close(pipes[count][0]);
        close(pipes[count][1]);
    }
    return error == 0 || error_set(err, "event loop: %s", strerror(error));
}

uint32_t descriptor_connections(uint32_t wanted, size_t others)
{
    size_t limit = descriptor_limit(), needed = others + RESERVE;
    size_t room = limit > needed + 2 * LEAST ? (limit - needed) / 2 : LEAST;

    return room < wanted ? (uint32_t)room : wanted;
}
