/*
 * abort_log.h - logs the reason before abort() ends the process. Libraries abort without
 * a message when the system fails them, and so do we when there is no memory.
 */
#ifndef WLBPROXY_BASE_ABORT_LOG_H
#define WLBPROXY_BASE_ABORT_LOG_H

/* From now on the reason goes into the log. */
void abort_log_to_log(void);

/* Until abort_log_to_log() the reason goes to stderr, as "wlbproxy: what: reason", and
 * the exit status is `status`. */
void abort_log_to_terminal(const char *what, int status);

#endif
