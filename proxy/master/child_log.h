/*
 * child_log.h - the way of a process of ours into the log.
 *
 * A child has no log file: its standard error is a socket to us, one datagram a line, or
 * many lines of the access log (log.h). Whatever it sends is data: the line gets its
 * name, is bounded and printable, and there are only so many in a time. Beyond it the
 * child is not read: it loses lines, and never waits.
 */
#ifndef WLBPROXY_MASTER_CHILD_LOG_H
#define WLBPROXY_MASTER_CHILD_LOG_H

#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

struct child_log;

/* `who` stands in every line. *its_end becomes the child's standard error; the caller
 * closes it. NULL and errno. */
struct child_log *child_log_new(uv_loop_t *loop, const char *who, int *its_end);

/* As syslog has it beside the name. */
void child_log_is_of(struct child_log *log, pid_t pid);

/* Returns how many of its lines reached us and no file. */
uint64_t child_log_lost(const struct child_log *log);

/* Twice a second: it may say something again. */
void child_log_tick(struct child_log *log);

/* The child has ended: writes what it said last. Frees. */
void child_log_end(struct child_log *log);

#endif
