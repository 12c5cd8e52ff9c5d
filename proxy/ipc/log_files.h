/*
 * log_files.h - where the log and the access log go: opened by the master, who may open
 * files, and passed to the workers as descriptors.
 */
#ifndef WLBPROXY_IPC_LOG_FILES_H
#define WLBPROXY_IPC_LOG_FILES_H

#include <stdbool.h>

#include "proxy/base/log.h"

struct error;
struct message;
struct settings;

struct logs {
    int log, access; /* access -1: off */
    enum log_kind log_kind, access_kind;
    enum log_level level;
};

/* Opens both targets as the settings say. On failure nothing is open. */
bool logs_open(struct logs *logs, const struct settings *settings, struct error *err);
void logs_close(struct logs *logs);

/* Could they be opened? Nothing is made. */
bool logs_check(const struct settings *settings, struct error *err);

/* Makes them this process's own. */
void logs_use(const struct logs *logs, const char *who);

bool logs_use_syslog(const struct logs *logs);

/* As a MESSAGE_LOGS, the body in `body`; and back, taking over the descriptors. */
enum { LOGS_BODY = 16 };
void logs_to_message(const struct logs *logs, struct message *m, char body[LOGS_BODY]);
bool logs_from_message(struct logs *logs, struct message *m);

#endif
