/*
 * journal_entry.h - a line of the log as an entry of systemd's journal, in its native
 * protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram of FIELD=value lines.
 *
 * MESSAGE is the line; MESSAGE_ID says which event it is; each `key=value` of the line is
 * a field WLBPROXY_KEY, so that `journalctl WLBPROXY_SERVICE=wlb` finds it.
 */
#ifndef WLBPROXY_BASE_JOURNAL_ENTRY_H
#define WLBPROXY_BASE_JOURNAL_ENTRY_H

#include <stddef.h>
#include <sys/types.h>

enum {
    JOURNAL_ENTRY_MAX = 16 * 1024, /* fields beyond are left out; MESSAGE has them */
    JOURNAL_ID_SIZE = 33,
};

struct journal_entry {
    int priority; /* of syslog(3) */
    const char *who; /* WLBPROXY_LOGGED_BY: the process, whatever the line says */
    pid_t pid; /* SYSLOG_PID */
    const char *event; /* NULL: the line's own `event=` */
    const char *message; /* MESSAGE; without a newline */
    size_t len;
    size_t fields; /* where its key=value pairs begin */
};

/* Returns the length of the datagram in `bytes`. */
size_t journal_entry_write(
    const struct journal_entry *entry, char bytes[JOURNAL_ENTRY_MAX]);

/* Writes the event's MESSAGE_ID: 32 hexadecimal digits that depend on its name alone. */
void journal_message_id(char id[JOURNAL_ID_SIZE], const char *event, size_t len);

#endif
