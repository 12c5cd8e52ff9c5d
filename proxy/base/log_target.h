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
    bool full; /* a file, and the disk has no room to spare */
    uint64_t lost;
    size_t unlooked; /* bytes since it was asked for room */
    int64_t looked; /* the second when it was */
};

/* fd is borrowed. Finds out what kind of file it is. Keeps the count of lost lines. */
void log_target_open(struct log_target *target, int fd, bool lines);

/* Writes `line`, which has no newline, cut to LOG_LINE_MAX. Keeps errno. */
void log_target_write(struct log_target *target, const char *line, size_t len);
/* Sends a datagram of any length. */
void log_target_send(struct log_target *target, const char *bytes, size_t len);
/* Writes lines with their newlines into a file. */
void log_target_write_block(struct log_target *target, const char *lines, size_t len);
/* Returns how many lines end in the text. */
size_t log_target_lines(const char *lines, size_t len);

/* Returns whether `more` bytes leave others something of the disk: 64 MB, or a twentieth
 * of a small one. Looks once a second, or after 256 KB. */
bool log_target_has_room(struct log_target *target, size_t more);

#endif
