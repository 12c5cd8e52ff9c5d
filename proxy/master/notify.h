/*
 * notify.h - reports our state to the service manager (sd_notify(3)); does nothing
 * without NOTIFY_SOCKET. Never blocks for long, never fails the caller.
 */
#ifndef WLBPROXY_MASTER_NOTIFY_H
#define WLBPROXY_MASTER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Sends the text with so many descriptors: FDSTORE=1. They stay the caller's. */
void notify_descriptors(const char *text, const int *fds, size_t count);

/* After notify_pause() nothing is sent, because the manager knows another master.
 * notify_resume() sends the last READY=1 of the pause. */
void notify_pause(void);
void notify_resume(void);

/* RELOADING=1 with the clock that systemd compares. */
void notify_reloading(void);
/* READY=1 and the STATUS sentence: after start, and after every reload, whatever its
 * result, because otherwise `systemctl reload` would wait for ever. */
void notify_ready(const char *status);

/* "STATUS=what: sentence", made one line. */
void notify_status(const char *what, const char *sentence);

/* Returns the ms between WATCHDOG=1 messages; 0: the manager does not want them.
 * `any_pid`: WATCHDOG_PID may be that of the master we take over from. */
uint64_t notify_watchdog_interval(bool any_pid);

/* Pure: "/path", or "@name" in the abstract name space. False if it is neither, or too
 * long. */
bool notify_address(const char *text, struct sockaddr_un *address, socklen_t *len);

#endif
