/*
 * spawn.h - starts another program, and finds out whether it has ended.
 *
 * libuv's function is not used: it ends the process when a pipe of libuv's fails
 * half-way. posix_spawn() is not used: it can neither start a program by its descriptor
 * nor close all others.
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
    /* Its descriptors 0, 1, 2, 3: it gets no others, not even those we were started
     * with. */
    int fds[SPAWN_FDS];
    /* The capabilities that a service manager gave an ordinary user
     * (AmbientCapabilities=). */
    bool keeps_capabilities;
    /* A child of our parent, like us, and not ours: spawn_has_ended() cannot be used for
     * it. */
    bool sibling;
    /* Signals that are blocked in it until it knows what to do with them; 0 ends them.
     * NULL: none. */
    const int *held;
};

/* The program has default signal actions. Returns 0 or an errno, also that of exec. Any
 * thread may call it, but for a sibling the main thread alone. */
int spawn_process(const struct spawn *spawn, pid_t *pid);

struct spawn_end {
    int status, signal; /* one of them is 0 */
};

/* Returns whether it has ended. After true it must not be called again. */
bool spawn_has_ended(pid_t pid, struct spawn_end *end);

#endif
