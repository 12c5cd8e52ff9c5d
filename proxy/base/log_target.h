/*
 * log_target.h - a descriptor that takes whole lines and is never waited for.
 *
 * What it does not take at once is lost and counted: a full pipe, a full disk, a reader
 * that is gone. After a line of which only a part was taken, the next one begins afresh.
 */
#ifndef WLBPROXY_BASE_LOG_TARGET_H
#define WLBPROXY_BASE_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line up to PIPE_BUF goes into a pipe whole or not at all. */
enum { LOG_LINE_MAX = 4096 };

struct log_target {
    int fd;
    enum { TARGET_FILE, TARGET_PIPE, TARGET_SOCKET } type;
    bool lines; /* each ends with a newline; else each is a datagram */
    bool torn; /* the last line was taken in part */
    uint64_t lost;
};

/* fd is borrowed; it is asked what it is. Keeps the count of lost lines. */
void log_target_open(struct log_target *target, int fd, bool lines);

/* `line` without its newline; cut to LOG_LINE_MAX. Keeps errno. */
void log_target_write(struct log_target *target, const char *line, size_t len);

#endif
