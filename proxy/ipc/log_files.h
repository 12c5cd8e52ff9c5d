/*
 * log_files.h - the files of the log and the access log. The master opens them and writes
 * the lines of the workers, too (child_log.h).
 */
#ifndef WLBPROXY_IPC_LOG_FILES_H
#define WLBPROXY_IPC_LOG_FILES_H

#include <stdbool.h>

#include "proxy/base/log.h"

struct error;
struct message;
struct settings;

struct logs {
    int log, access; /* access -1: there is no access log */
    enum log_kind log_kind, access_kind;
    enum log_level level;
};

/* Opens both targets of the settings. On failure nothing is open. */
bool logs_open(struct logs *logs, const struct settings *settings, struct error *err);
void logs_close(struct logs *logs);

/* Returns whether they could be opened. Nothing is made. */
bool logs_check(const struct settings *settings, struct error *err);

/* Makes them the targets of this process. */
void logs_use(const struct logs *logs, const char *who);

/* Returns whether a daemon writes one of them: syslog or the journal. */
bool logs_use_daemon(const struct logs *logs);

/* The first makes a MESSAGE_LOGS, with its body in `body`; the second makes a worker log
 * as one says, to its standard error, which leads to the master. */
enum { LOGS_BODY = 16 };
void logs_to_message(const struct logs *logs, struct message *m, char body[LOGS_BODY]);
void logs_take_message(const struct message *m);

#endif
