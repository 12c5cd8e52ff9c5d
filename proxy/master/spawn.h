/*
 * spawn.h - starts another program, and asks whether it has ended.
 *
 * Not libuv's: that ends the process when a pipe of its own fails it half-way. Not
 * posix_spawn(): that cannot start a program by its descriptor, nor close all others.
 */
#ifndef WLBPROXY_MASTER_SPAWN_H
#define WLBPROXY_MASTER_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum { SPAWN_FDS = 4, SPAWN_NULL = -1 /* /dev/null */ };

struct spawn {
    const char *program; /* NULL: `program_fd` */
    int program_fd;
    char *const *arguments;
    char *const *environment;
    /* What it gets as 0, 1, 2, 3: nothing else, not even what we were started with. */
    int fds[SPAWN_FDS];
    /* Those that a service manager gave an ordinary user (AmbientCapabilities=). */
    bool keeps_capabilities;
    /* A child of our parent, as we are, and not ours: spawn_has_ended() is not for it. */
    bool sibling;
};

/* Signals are as the system has them, none blocked. 0, or an errno, also of exec. */
int spawn_process(const struct spawn *spawn, pid_t *pid);

struct spawn_end {
    int status, signal; /* one of them is 0 */
};

/* Has it ended? It is asked about until then, and no more afterwards. */
bool spawn_has_ended(pid_t pid, struct spawn_end *end);

#endif
