#include "proxy/base/log_target.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "proxy/base/clock.h"
#include "proxy/base/file_state.h"

enum { LOOK_BYTES = 256 * 1024, ROOM_LEFT = 64 << 20 };

void log_target_open(struct log_target *target, int fd, bool lines)
{
    struct stat st;

    target->fd = fd;
    target->lines = lines;
    target->torn = target->full = false;
    target->unlooked = LOOK_BYTES;
    if (file_state(fd, &st) != 0 || S_ISREG(st.st_mode))
        target->type = TARGET_FILE;
    else
        target->type = S_ISSOCK(st.st_mode) ? TARGET_SOCKET : TARGET_PIPE;
    /* Without this a pipe without a reader would end the process. */
    signal(SIGPIPE, SIG_IGN);
}

/* The descriptor may be shared with a shell, so we may not set O_NONBLOCK on it. A pipe
 * or terminal is polled first: ready means room for PIPE_BUF bytes. */
static bool would_block(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) == 0;
}

/* sendmsg() could pass descriptors, and workers are not allowed to call it. */
static ssize_t send_joined(int fd, const struct iovec *parts, size_t count)
{
    char line[LOG_LINE_MAX];
    size_t len = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(line + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
    }
    return send(fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t put(const struct log_target *target, struct iovec *parts, size_t count)
{
    if (target->type == TARGET_SOCKET)
        return send_joined(target->fd, parts, count);
    if (target->type == TARGET_PIPE && would_block(target->fd)) {
        errno = EAGAIN;
        return -1;
    }
    return writev(target->fd, parts, (int)count);
}

void log_target_write(struct log_target *target, const char *line, size_t len)
{
    char newline = '\n';
    size_t framing = target->lines ? 1u + target->torn : 0;
    size_t fits = len <= LOG_LINE_MAX - framing ? len : LOG_LINE_MAX - framing;
    struct iovec parts[] = {
        {&newline, target->torn},
        {(void *)(uintptr_t)line, fits},
        {&newline, target->lines},
    };
    int saved = errno;
    ssize_t taken = put(target, parts, 3);

    if (taken < 0 && errno == EINTR)
        taken = put(target, parts, 3);
    if (taken != (ssize_t)(fits + framing))
        target->lost++;
    if (target->lines && taken > 0)
        target->torn = taken != (ssize_t)(fits + framing);
    errno = saved;
}

void log_target_send(struct log_target *target, const char *bytes, size_t len)
{
    int saved = errno;

    target->lost += send(target->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
    errno = saved;
}

size_t log_target_lines(const char *lines, size_t len)
{
    size_t count = 0;
    const char *end;

    while ((end = memchr(lines, '\n', len)) != NULL) {
        len -= (size_t)(end + 1 - lines);
        lines = end + 1;
        count++;
    }
    return count;
}

void log_target_write_block(struct log_target *target, const char *lines, size_t len)
{
    char newline = '\n';
    struct iovec parts[] = {{&newline, target->torn}, {(void *)(uintptr_t)lines, len}};
    const ssize_t whole = (ssize_t)(len + target->torn);
    int saved = errno;
    ssize_t taken = writev(target->fd, parts, 2);
    size_t done = taken > target->torn ? (size_t)taken - target->torn : 0;

    target->lost += log_target_lines(lines + done, len - done);
    if (taken > 0)
        target->torn = taken != whole;
    errno = saved;
}

static bool leaves_room(int fd)
{
    struct statvfs disk;
    uint64_t whole, left;

    if (fstatvfs(fd, &disk) != 0 || disk.f_blocks == 0)
        return true;
    whole = (uint64_t)disk.f_blocks * disk.f_frsize;
    left = (uint64_t)disk.f_bavail * disk.f_frsize;
    return left > (whole / 20 < ROOM_LEFT ? whole / 20 : ROOM_LEFT);
}

bool log_target_has_room(struct log_target *target, size_t more)
{
    const int64_t second = clock_now_ms() / 1000;

    if (target->type != TARGET_FILE)
        return true;
    target->unlooked += more;
    if (target->unlooked >= LOOK_BYTES || second != target->looked) {
        target->full = !leaves_room(target->fd);
        target->unlooked = 0;
        target->looked = second;
    }
    return !target->full;
}
