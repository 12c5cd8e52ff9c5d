/*
 * child_log.h - carries the log lines of a child process into the log.
 *
 * A child has no log file: its standard error is a socket to us, with one datagram a
 * line, or many lines of the access log (log.h). Its text is only data: the line gets its
 * name, is made printable, and length and rate are bounded. Beyond the rate the child is
 * not read: it loses lines, and never waits.
 */
#ifndef WLBPROXY_MASTER_CHILD_LOG_H
#define WLBPROXY_MASTER_CHILD_LOG_H

#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

struct child_log;

/* `who` stands in every line. *its_end becomes the child's standard error; the caller
 * closes it. NULL and errno on failure. */
struct child_log *child_log_new(uv_loop_t *loop, const char *who, int *its_end);

/* Sets the process id that syslog shows beside the name. */
void child_log_is_of(struct child_log *log, pid_t pid);

/* Returns how many of its lines reached us and no file. */
uint64_t child_log_lost(const struct child_log *log);

/* Call it twice a second: the child may send lines again. */
void child_log_tick(struct child_log *log);

/* The child has ended: writes its last lines, and frees. */
void child_log_end(struct child_log *log);

#endif
