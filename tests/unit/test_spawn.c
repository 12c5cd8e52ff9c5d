/* Starting programs by their descriptors, where the kernel has execveat(2) and where it
 * has not. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/master/spawn.h"

enum { ROUNDS = 100 };

struct starter {
    int program;
    int expected; /* exit status */
    int wrong;
};

static int open_program(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    int high = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FDS);

    assert_true(fd >= 0 && high >= 0);
    close(fd);
    return high;
}

static int status_of(int program)
{
    static char name[] = "it";
    char *arguments[] = {name, NULL}, *none[] = {NULL};
    const struct spawn spawn = {.program_fd = program,
        .arguments = arguments,
        .environment = none,
        .fds = {SPAWN_NULL, SPAWN_NULL, STDERR_FILENO, SPAWN_NULL}};
    int status;
    pid_t pid;

    if (spawn_process(&spawn, &pid) != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *start_again_and_again(void *argument)
{
    struct starter *starter = argument;

    for (int i = 0; i < ROUNDS; i++)
        starter->wrong += status_of(starter->program) != starter->expected;
    return NULL;
}

/* As the main thread starts workers, and another one the helper that resolves names. */
static void start_two_at_once(void)
{
    struct starter one = {open_program("/bin/true"), 0, 0};
    struct starter other = {open_program("/bin/false"), 1, 0};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, start_again_and_again, &other), 0);
    start_again_and_again(&one);
    pthread_join(thread, NULL);
    assert_int_equal(one.wrong, 0);
    assert_int_equal(other.wrong, 0);
    close(one.program);
    close(other.program);
}

static void two_threads_start_their_own_programs(void **state)
{
    (void)state;
    start_two_at_once();
}

/* For the rest of this process: the last test. */
static void forbid_execveat(void)
{
    static struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof(steps) / sizeof(steps[0]), steps};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void two_threads_start_their_own_programs_without_execveat(void **state)
{
    (void)state;
    forbid_execveat();
    start_two_at_once();
}

static void a_program_that_is_missing_is_an_error(void **state)
{
    static char name[] = "it";
    char *arguments[] = {name, NULL}, *none[] = {NULL};
    const struct spawn spawn = {.program = "/nonexistent",
        .arguments = arguments,
        .environment = none,
        .fds = {SPAWN_NULL, SPAWN_NULL, STDERR_FILENO, SPAWN_NULL}};
    pid_t pid;

    (void)state;
    assert_int_equal(spawn_process(&spawn, &pid), ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_is_missing_is_an_error),
        cmocka_unit_test(two_threads_start_their_own_programs),
        cmocka_unit_test(two_threads_start_their_own_programs_without_execveat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
