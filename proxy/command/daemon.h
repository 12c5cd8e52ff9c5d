/*
 * daemon.h - asks the running proxy over its control socket.
 */
#ifndef WLBPROXY_COMMAND_DAEMON_H
#define WLBPROXY_COMMAND_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/error.h"
#include "proxy/control/control.h"

struct daemon {
    char *socket_path; /* owned */
    struct error doubt; /* why it is the default path; "": it is not, or was chosen */
    int64_t due; /* ms, monotonic: the deadline for all questions; 0: none */
};

/* Finds the socket: `control` if given, else from the configuration, which may be broken
 * elsewhere: that does not matter to the running proxy. The default path where it cannot
 * be read. False and err: the configuration has none. */
bool daemon_find(
    struct daemon *daemon, const char *config, const char *control, struct error *err);
void daemon_forget(struct daemon *daemon);

/* Returns whether nobody listens on the socket, so that no proxy runs there. False also
 * when that is unknown. */
bool daemon_is_absent(const struct daemon *daemon);

/* From now on all questions together must be answered within `ms`; later ones get a
 * second. */
void daemon_hurry(struct daemon *daemon, int ms);

/* Returns whether that time is over. */
bool daemon_is_late(const struct daemon *daemon);

/* Returns how long to wait for it now. */
int daemon_timeout(const struct daemon *daemon);

/* `request` is a word of control.h. */
bool daemon_ask(const struct daemon *daemon, const char *request, const char *service,
    struct control_answer *answer, struct error *err);

/* `force`: also accept what XenServer can no longer use. `upgrade`: if another program
 * than the running one is installed by now, let it take over instead of a reload; the
 * answer then has "upgraded". */
bool daemon_ask_json(const struct daemon *daemon, json_t *question,
    struct control_answer *answer, struct error *err);

bool daemon_reload(const struct daemon *daemon, bool force, bool upgrade,
    struct control_answer *answer, struct error *err);

/* A command that only asks the proxy. */
struct daemon_command {
    const char *name, *summary;
    const char *force; /* the effect of --force; NULL: there is no --force */
    /* Returns the exit status. */
    int (*talk)(const struct daemon *daemon, bool force, bool json);
};

/* Runs the whole command, from its arguments to its exit status. */
int daemon_command(const struct daemon_command *command, int argc, char **argv);

#define ARGUMENT_CONTROL(variable)                                                       \
    {                                                                                    \
        .name = "control", .value = "PATH",                                              \
        .help = "the proxy's socket, else the configured one", .text = &(variable)       \
    }

#endif
