/*
 * daemon.h - the running proxy, asked over its control socket.
 */
#ifndef WLBPROXY_COMMAND_DAEMON_H
#define WLBPROXY_COMMAND_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/base/error.h"
#include "proxy/control/control.h"

struct daemon {
    char *socket_path; /* owned */
    struct error doubt; /* why it is the default path; "": it is not, or by choice */
    int64_t due; /* ms, monotonic: when to be done with it; 0: no hurry */
};

/* Where the socket is: `control` if given, else what the configuration says. A broken
 * configuration is no hindrance, for the running proxy does not use it: then the default
 * path. False and err: the configuration says that there is none. */
bool daemon_find(
    struct daemon *daemon, const char *config, const char *control, struct error *err);
void daemon_forget(struct daemon *daemon);

/* Nobody listens on the socket: no proxy runs there. False also when one cannot know. */
bool daemon_is_absent(const struct daemon *daemon);

/* From now on all that is asked of it must be answered within `ms` together; what comes
 * later gets a second. */
void daemon_hurry(struct daemon *daemon, int ms);

/* How long to wait for it now. */
int daemon_timeout(const struct daemon *daemon);

/* `request` is a word of control.h. */
bool daemon_ask(const struct daemon *daemon, const char *request, const char *service,
    struct control_answer *answer, struct error *err);

/* `force`: take over also what XenServer cannot use any more. `upgrade`: where another
 * program than the running one is installed by now, let that take over in place of a
 * reload; the answer has "upgraded" then. */
bool daemon_reload(const struct daemon *daemon, bool force, bool upgrade,
    struct control_answer *answer, struct error *err);

/* A command that does nothing but talk to it. */
struct daemon_command {
    const char *name, *summary;
    const char *force; /* what --force does; NULL: there is no --force */
    /* Returns the exit status. */
    int (*talk)(const struct daemon *daemon, bool force, bool json);
};

/* All of it, from its arguments to its exit status. */
int daemon_command(const struct daemon_command *command, int argc, char **argv);

#define ARGUMENT_CONTROL(variable)                                                       \
    {                                                                                    \
        .name = "control", .value = "PATH",                                              \
        .help = "the proxy's socket, else the configured one", .text = &(variable)       \
    }

#endif
