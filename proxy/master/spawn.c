#include "proxy/master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

static int with_plain_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    error = posix_spawnattr_setflags(
        attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    return error;
}

/* The highest first: what is to be 3 is not one of 0, 1, 2. */
static int with_descriptors(
    posix_spawn_file_actions_t *actions, const struct spawn *spawn)
{
    const bool has_null = access("/dev/null", R_OK | W_OK) == 0;
    const char *null = has_null ? "/dev/null" : "/"; /* which gives and takes nothing */
    const int flags = has_null ? O_RDWR : O_PATH;
    int error = 0;

    for (int i = SPAWN_FDS - 1; i >= 0 && error == 0; i--)
        error = spawn->fds[i] == SPAWN_NULL
            ? posix_spawn_file_actions_addopen(actions, i, null, flags, 0)
            : posix_spawn_file_actions_adddup2(actions, spawn->fds[i], i);
    return error;
}

int spawn_process(const struct spawn *spawn, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = with_plain_signals(&attributes);
        if (error == 0)
            error = with_descriptors(&actions, spawn);
        if (error == 0)
            error = posix_spawn(pid, spawn->program, &actions, &attributes,
                spawn->arguments, spawn->environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

bool spawn_has_ended(pid_t pid, struct spawn_end *end)
{
    int status = 0;
    pid_t ended = waitpid(pid, &status, WNOHANG);

    /* Somebody else's waitpid() took it: its fate is not known, but its end is. */
    if (ended != pid && !(ended < 0 && errno == ECHILD))
        return false;
    *end = (struct spawn_end){0};
    if (ended == pid && WIFSIGNALED(status))
        end->signal = WTERMSIG(status);
    else if (ended == pid)
        end->status = WEXITSTATUS(status);
    return true;
}
