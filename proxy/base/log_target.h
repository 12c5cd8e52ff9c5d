/*
 * log_target.h - a descriptor that takes whole lines and never blocks the caller.
 *
 * Bytes that it does not take at once are lost and counted: the pipe or disk is full, or
 * the reader is gone. After a line that was cut off the next one begins on a line of its
 * own.
 */
#ifndef WLBPROXY_BASE_LOG_TARGET_H
#define WLBPROXY_BASE_LOG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of up to PIPE_BUF bytes goes into a pipe whole or not at all. */
enum { LOG_LINE_MAX = 4096 };

struct log_target {
    int fd;
    enum { TARGET_FILE, TARGET_PIPE, TARGET_SOCKET } type;
    bool lines; /* each ends with a newline; else each is a datagram */
    bool torn; /* only a part of the last line was written */
    uint64_t lost;
};

/* fd is borrowed. Finds out what kind of file it is. Keeps the count of lost lines. */
void log_target_open(struct log_target *target, int fd, bool lines);

/* Writes `line`, which has no newline, cut to LOG_LINE_MAX. Keeps errno. */
void log_target_write(struct log_target *target, const char *line, size_t len);

#endif
