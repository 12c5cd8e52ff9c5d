/*
 * abort_log.h - says why, before abort() ends the process: libraries abort without a
 * word when the system fails them, we when there is no memory.
 */
#ifndef WLBPROXY_BASE_ABORT_LOG_H
#define WLBPROXY_BASE_ABORT_LOG_H

/* Into the log from now on. */
void abort_log_to_log(void);

/* To stderr, as "wlbproxy: what: reason", and the exit status is `status`; until
 * abort_log_to_log(). */
void abort_log_to_terminal(const char *what, int status);

#endif
