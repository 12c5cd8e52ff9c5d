/*
 * stunnel.h - the stunnel that runs with a configuration: which process or unit it is,
 * and the commands that stop it and start it again as it was.
 *
 * It is found by who holds the ports, or by its pid file: never by its name alone.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_STUNNEL_H
#define WLBPROXY_COMMAND_TAKEOVER_STUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

struct stunnel {
    pid_t pid;
    char *unit; /* of systemd; NULL: it is a process of its own */
    bool is_enabled; /* the unit is started at boot */
    char *stop, *start; /* lines for a shell */
};

/* `config` is an absolute path, `ports` are those it accepts on. False and err: none
 * runs, or another program or another configuration is in its place. */
bool stunnel_locate(struct stunnel *stunnel, const char *config, const unsigned *ports,
    size_t count, struct error *err);
void stunnel_destroy(struct stunnel *stunnel);

/* The process has ended; one that nobody has waited for yet, too. */
bool process_is_gone(pid_t pid);

/* The kernel's name of its program; "" if it is gone. */
enum { PROCESS_NAME_MAX = 32 };
void process_name(pid_t pid, char name[PROCESS_NAME_MAX]);

#endif
