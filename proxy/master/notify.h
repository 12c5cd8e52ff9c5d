/*
 * notify.h - tells the service manager how we are (sd_notify(3)); nothing without
 * NOTIFY_SOCKET. Never blocks for long, never fails the caller.
 */
#ifndef WLBPROXY_MASTER_NOTIFY_H
#define WLBPROXY_MASTER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The text with each of so many descriptors: FDSTORE=1. They stay the caller's. */
void notify_descriptors(const char *text, const int *fds, size_t count);

/* From now on nothing is sent: the manager knows another master. Then the last READY=1 is
 * sent after all. */
void notify_pause(void);
void notify_resume(void);

/* RELOADING=1 with the clock systemd compares it with. */
void notify_reloading(void);
/* READY=1 and the STATUS sentence: after start, and after every reload, whatever came of
 * it, or `systemctl reload` would wait for ever. */
void notify_ready(const char *status);

/* "STATUS=what: sentence", on one line whatever the sentence holds. */
void notify_status(const char *what, const char *sentence);

/* Milliseconds between WATCHDOG=1 messages that keep the manager content; 0: not asked
 * for. `any_pid`: WATCHDOG_PID is that of the master we take over from. */
uint64_t notify_watchdog_interval(bool any_pid);

/* Pure: "/path", or "@name" in the abstract name space. False if it is neither, or too
 * long. */
bool notify_address(const char *text, struct sockaddr_un *address, socklen_t *len);

#endif
