/*
 * log_files.h - the files of the log and the access log. The master, which may open
 * files, opens them and passes the descriptors to the workers.
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

bool logs_use_syslog(const struct logs *logs);

/* The first makes a MESSAGE_LOGS, with its body in `body`; the second reads one, and
 * takes over the descriptors. */
enum { LOGS_BODY = 16 };
void logs_to_message(const struct logs *logs, struct message *m, char body[LOGS_BODY]);
bool logs_from_message(struct logs *logs, struct message *m);

#endif
