#include "proxy/command/takeover/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/base/error.h"

extern char **environ;

/* The shell begins as an operator's does: no signal is ignored or held. */
static bool start(const char *line, int out, pid_t *pid)
{
    char *const words[] = {"sh", "-c", (char *)line, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t defaults, none;
    int result;

    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigdefault(&how, &defaults);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(
        &how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (out >= 0) {
        posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        posix_spawn_file_actions_addopen(
            &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    result = posix_spawn(pid, "/bin/sh", &actions, &how, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&how);
    errno = result;
    return result == 0;
}

/* Returns the status as waitpid() gives it. */
static int wait_for(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

bool shell_run(const char *line, struct error *err)
{
    int status;
    pid_t pid;

    (void)fflush(NULL);
    if (!start(line, -1, &pid))
        return error_set(err, "/bin/sh cannot be run: %s", error_reason(errno));
    status = wait_for(pid);
    if (WIFSIGNALED(status))
        return error_set(err, "signal %d ended: %s", WTERMSIG(status), line);
    return status == 0 ||
        error_set(err, "exit status %d of: %s", WEXITSTATUS(status), line);
}

bool shell_ask(const char *line, char *text, size_t size)
{
    size_t len = 0;
    ssize_t got = 1;
    char rest[256];
    int ends[2];
    pid_t pid;

    text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    if (!start(line, ends[1], &pid)) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return false;
    }
    (void)close(ends[1]);
    while (got > 0 || (got < 0 && errno == EINTR)) {
        bool is_full = len + 1 >= size;

        got = is_full ? read(ends[0], rest, sizeof(rest))
                      : read(ends[0], text + len, size - 1 - len);
        len += got > 0 && !is_full ? (size_t)got : 0;
    }
    (void)close(ends[0]);
    while (len > 0 && text[len - 1] == '\n')
        len--;
    text[len] = '\0';
    return wait_for(pid) == 0;
}
