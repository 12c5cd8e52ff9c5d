#include "proxy/master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXEC_FAILED = 127, OUT_OF_THE_WAY = 10, STACK_BYTES = 64 * 1024 };

/* The child reads it, and writes the error. Threads start children at the same time. */
struct start {
    const struct spawn *spawn;
    char program_fd_path[32]; /* for kernels before 3.19, which have no execveat(2) */
    volatile int error;
};

/* ---- in the child, which shares our memory until exec: system calls only ---- */

/* A default action ends the program in the moments in which it has no other yet; a mask,
 * unlike an action, survives exec. */
static void use_plain_signals(const int *held)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t mask;

    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &plain, NULL);
    sigemptyset(&mask);
    for (; held != NULL && *held != 0; held++)
        sigaddset(&mask, *held);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

static int open_null(void)
{
    int null = open("/dev/null", O_RDWR);

    return null >= 0 ? null : open("/", O_PATH); /* opened in place of a missing one; it
                                                  * cannot be read or written */
}

/* Moves all of them above their final numbers first. */
static bool place_descriptors(const struct spawn *spawn)
{
    int above[SPAWN_FDS];

    for (int i = 0; i < SPAWN_FDS; i++) {
        int fd = spawn->fds[i] == SPAWN_NULL ? open_null() : spawn->fds[i];

        above[i] = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) : -1;
        if (above[i] < 0)
            return false;
    }
    for (int i = 0; i < SPAWN_FDS; i++) {
        if (dup2(above[i], i) < 0)
            return false;
    }
    return true;
}

/* Kernels before 5.9 have no close_range(), before 5.11 not this flag. */
static void close_others_on_exec(void)
{
    struct rlimit limit;

    if (syscall(SYS_close_range, SPAWN_FDS, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = 1 << 16;
    for (int fd = SPAWN_FDS; fd < (int)limit.rlim_cur; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void execute(const struct start *start)
{
    const struct spawn *spawn = start->spawn;

    if (spawn->program != NULL) {
        (void)execve(spawn->program, spawn->arguments, spawn->environment);
        return;
    }
    (void)syscall(SYS_execveat, spawn->program_fd, "", spawn->arguments,
        spawn->environment, AT_EMPTY_PATH);
    if (errno == ENOSYS)
        (void)execve(start->program_fd_path, spawn->arguments, spawn->environment);
}

static _Noreturn void become(struct start *start)
{
    use_plain_signals(start->spawn->held);
    if (!start->spawn->keeps_capabilities)
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (place_descriptors(start->spawn)) {
        close_others_on_exec();
        execute(start);
    }
    start->error = errno;
    _exit(EXEC_FAILED);
}

static int become_sibling(void *start)
{
    become(start);
}

/* ---- in the parent ---- */

/* Like vfork(): waits until the child executes the program. Only the main thread has
 * siblings. */
static pid_t clone_sibling(struct start *start)
{
    static _Alignas(16) char stack[STACK_BYTES];

    return clone(become_sibling, stack + sizeof(stack),
        CLONE_VM | CLONE_VFORK | CLONE_PARENT, start);
}

int spawn_process(const struct spawn *spawn, pid_t *pid)
{
    struct start start = {.spawn = spawn};
    sigset_t all, before;

    snprintf(start.program_fd_path, sizeof(start.program_fd_path), "/proc/self/fd/%d",
        spawn->program_fd);
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    *pid = spawn->sibling ? clone_sibling(&start) : vfork();
    if (*pid == 0)
        become(&start);
    if (*pid < 0)
        start.error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (*pid > 0 && start.error != 0 && !spawn->sibling)
        (void)waitpid(*pid, NULL, 0);
    return start.error;
}

bool spawn_has_ended(pid_t pid, struct spawn_end *end)
{
    int status = 0;
    pid_t ended = waitpid(pid, &status, WNOHANG);

    /* Another waitpid() took it: its status is unknown, but it has ended. */
    if (ended != pid && !(ended < 0 && errno == ECHILD))
        return false;
    *end = (struct spawn_end){0};
    if (ended == pid && WIFSIGNALED(status))
        end->signal = WTERMSIG(status);
    else if (ended == pid)
        end->status = WEXITSTATUS(status);
    return true;
}
