/*
 * log.h - one event a line: time, level, `event=... key=value ...`.
 *
 * A line is one write(2) to a descriptor that the master opened. If the write fails or
 * would block, the line is lost and counted; the caller never waits. errno is kept.
 * Values that come from outside go through log_quote().
 */
#ifndef WLBPROXY_BASE_LOG_H
#define WLBPROXY_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
/* SYSLOG: a connected /dev/log socket. JOURNAL: a connected socket of systemd's journal,
 * which takes fields (journal_entry.h). JOURNAL_STREAM: a stream to it, "<N>" in front is
 * the priority (sd-daemon(3)). PARENT: a socket to the process that started this one,
 * which writes the lines: log_relay(). */
enum log_kind {
    LOG_KIND_FILE,
    LOG_KIND_SYSLOG,
    LOG_KIND_JOURNAL,
    LOG_KIND_JOURNAL_STREAM,
    LOG_KIND_PARENT
};

/* JOURNAL_STREAM where standard error leads to the journal ($JOURNAL_STREAM), else FILE.
 */
enum log_kind log_kind_of_stderr(void);

/* Replaces the target. The caller may close fd after the next call, not before. `who` is
 * "master" or "worker 3", and stands in every line. */
void log_open(int fd, enum log_kind kind, enum log_level level, const char *who);
bool log_enabled(enum log_level level);

/* Returns whether the log is written to the file that fd is. */
bool log_goes_to(int fd);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_at(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes `text` in double quotes, with quotes, backslashes and controls escaped, cut to
 * size. */
const char *log_quote(char *out, size_t size, const char *text, size_t len);

/* The same for a sentence and one call: log_error("... reason=%s",
 * log_quoted(text).text). */
struct log_quoted {
    char text[1088]; /* a struct error's text fits, mostly */
};
struct log_quoted log_quoted(const char *text);

/* Tells whether the UTF-8 character of this length is C0, DEL or C1 (U+0080 to U+009F):
 * a terminal obeys all of them. */
bool log_is_control(const char *character, size_t len);

/* The access log has a descriptor of its own. `line` is written unchanged, with a
 * newline. */
void access_log_open(int fd, enum log_kind kind);
bool access_log_enabled(void);
void access_log_write(const char *line, size_t len);
/* Sends the lines that were gathered for the parent, or keeps them while it is busy. */
void access_log_flush(void);
/* Returns how many lines are kept. */
size_t access_log_gathered(void);
/* The last flush of a process: waits up to a second for a parent that is busy. */
void access_log_finish(void);

/* Returns how many lines were lost since start because a target did not take them. */
uint64_t log_lost(void);

/* ---- the parent's side ---- */

enum { LOG_DATAGRAM_MAX = 64 * 1024, LOG_LINE_COST = 8 };

struct log_origin {
    char who[32]; /* stands in every line, whatever it says */
    pid_t pid;
};

/* Writes what a child sent as a datagram, which it may have made up: bytes that are not
 * printable ASCII become '?', a line of the log is of `origin`, one of the access log
 * looks like one or is dropped, and the last of the disk's room is left to others.
 * `bytes` are changed. Returns what that cost: LOG_LINE_COST for a line of the log, 1 for
 * one of the access log. */
size_t log_relay(const struct log_origin *origin, char *bytes, size_t len);

#endif
