#include "proxy/master/child_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/base/memory.h"

enum {
    /* in half a second, from one process; a busy worker needs a tenth of it */
    DATAGRAMS_MAX = 16 * 1024,
    COST_MAX = 32 * 1024, /* see log_relay() */
    BYTES_MAX = 8 * 1024 * 1024,
    AT_ONCE = 16, /* datagrams; other processes wait */
    LAST_LINES_MAX = 256, /* datagrams */
    ROOM = 1024 * 1024,
};

struct child_log {
    uv_poll_t poll;
    int fd;
    struct log_origin origin;
    uint64_t lost;
    size_t datagrams, cost, bytes; /* since the last tick */
    enum { LOG_READS, LOG_RESTS } state;
    bool flooded; /* the flood has been logged */
};

/* False: there is no more, for now or for good. */
static bool read_one(struct child_log *log, ssize_t *len)
{
    static char bytes[LOG_DATAGRAM_MAX];

    *len = recv(log->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (*len <= 0)
        return false;
    const uint64_t lost = log_lost();

    log->datagrams++;
    log->bytes += (size_t)*len;
    log->cost += log_relay(&log->origin, bytes, (size_t)*len);
    log->lost += log_lost() - lost;
    return true;
}

static bool is_spent(const struct child_log *log)
{
    return log->datagrams >= DATAGRAMS_MAX || log->cost >= COST_MAX ||
        log->bytes >= BYTES_MAX;
}

static void rest(struct child_log *log)
{
    log->state = LOG_RESTS;
    uv_poll_stop(&log->poll);
    if (!log->flooded)
        log_warning("event=log_flood process=\"%s\" pid=%d text=\"it says more than is "
                    "written: the rest is lost\"",
            log->origin.who, (int)log->origin.pid);
    log->flooded = true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct child_log *log = poll->data;
    ssize_t len = -1;

    (void)events;
    errno = EAGAIN;
    for (int i = 0; i < AT_ONCE && status == 0 && !is_spent(log); i++) {
        if (!read_one(log, &len))
            break;
    }
    if (status != 0 || len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
        uv_poll_stop(poll); /* it has closed its end */
    else if (is_spent(log))
        rest(log);
}

static bool make_pair(int pair[2])
{
    const int room = ROOM;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
    /* With CAP_NET_ADMIN the system's limit (net.core.wmem_max) does not count. */
    if (setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
        (void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    return true;
}

struct child_log *child_log_new(uv_loop_t *loop, const char *who, int *its_end)
{
    struct child_log *log;
    int pair[2], result;

    if (!make_pair(pair))
        return NULL;
    log = memory_new(sizeof(*log));
    log->fd = pair[0];
    log->poll.data = log;
    snprintf(log->origin.who, sizeof(log->origin.who), "%s", who);
    result = uv_poll_init(loop, &log->poll, log->fd);
    if (result != 0) {
        close(pair[0]);
        close(pair[1]);
        free(log);
        errno = -result;
        return NULL;
    }
    uv_poll_start(&log->poll, UV_READABLE, on_readable);
    *its_end = pair[1];
    return log;
}

void child_log_is_of(struct child_log *log, pid_t pid)
{
    log->origin.pid = pid;
}

uint64_t child_log_lost(const struct child_log *log)
{
    return log->lost;
}

void child_log_tick(struct child_log *log)
{
    log->datagrams = log->cost = log->bytes = 0;
    if (log->state == LOG_RESTS)
        uv_poll_start(&log->poll, UV_READABLE, on_readable);
    else
        log->flooded = false;
    log->state = LOG_READS;
}

static void release(uv_handle_t *handle)
{
    struct child_log *log = handle->data;

    close(log->fd);
    free(log);
}

void child_log_end(struct child_log *log)
{
    ssize_t len;

    for (int i = 0; i < LAST_LINES_MAX && read_one(log, &len); i++)
        continue;
    uv_close((uv_handle_t *)&log->poll, release);
}
