/* What a worker can still do once it is confined: each try in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/error.h"
#include "proxy/base/sandbox.h"

static int pair[2];

static long no_file(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long no_program(void)
{
    static char *nothing[] = {NULL};

    return execve("/bin/true", nothing, nothing);
}

static long no_child(void)
{
    return syscall(SYS_fork);
}

static long no_tracing(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long no_reading_of_others(void)
{
    char byte;
    struct iovec mine = {&byte, 1}, theirs = {&pair, 1};

    return process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0);
}

static long no_killing(void)
{
    return kill(getppid(), 0);
}

static long no_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED
        ? -1
        : 0;
}

static long no_code_later(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long no_datagrams(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0);
}

static long no_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long no_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long no_listening(void)
{
    return listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static long no_binding(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address,
        sizeof(sa_family_t));
}

static long no_filter_on_sockets(void)
{
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &all};

    return setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static long no_passing_of_descriptors(void)
{
    struct msghdr nothing = {0};

    return sendmsg(pair[0], &nothing, 0);
}

static long no_sending_elsewhere(void)
{
    struct sockaddr_un address = {AF_UNIX, "/dev/log"};

    return sendto(pair[0], "x", 1, 0, (struct sockaddr *)&address, sizeof(address));
}

static long no_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0);
}

static long no_ring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL);
}

static long no_kernel_keys(void)
{
    return syscall(SYS_keyctl, 0, -3, 0);
}

static long no_prctl(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long no_limits(void)
{
    static const struct rlimit limit = {1, 1};

    return setrlimit(RLIMIT_CORE, &limit);
}

static long no_signals_by_descriptor(void)
{
    return fcntl(pair[0], F_SETOWN, getppid());
}

/* The log's descriptor is the master's as well: without O_APPEND its past could be
 * written anew. */
static long no_rewriting_of_the_log(void)
{
    return fcntl(pair[0], F_SETFL, 0);
}

static long no_namespace(void)
{
    return syscall(SYS_unshare, 0x10000000);
}

static long no_other_identity(void)
{
    return syscall(SYS_setuid, 0);
}

static long no_names_of_files(void)
{
    return unlink("/nowhere");
}

static long (*const forbidden[])(void) = {
    no_file,
    no_program,
    no_child,
    no_tracing,
    no_reading_of_others,
    no_killing,
    no_code,
    no_code_later,
    no_datagrams,
    no_netlink,
    no_packets,
    no_listening,
    no_binding,
    no_filter_on_sockets,
    no_passing_of_descriptors,
    no_sending_elsewhere,
    no_bpf,
    no_ring,
    no_kernel_keys,
    no_prctl,
    no_limits,
    no_signals_by_descriptor,
    no_rewriting_of_the_log,
    no_namespace,
    no_other_identity,
    no_names_of_files,
};

/* 0: refused; 1: not; 2: no filter in this build. */
static int attempt(long (*what)(void))
{
    const char *how;
    struct error err;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!sandbox_enter(SANDBOX_WORKER, &how, &err))
        return 1;
    if (strcmp(how, "seccomp") != 0)
        return 2;
    errno = 0;
    return what() == -1 && errno == EPERM ? 0 : 1;
}

static int in_a_child(int (*what)(long (*)(void)), long (*argument)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(what(argument));
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_worker_cannot(void **state)
{
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        int outcome = in_a_child(attempt, forbidden[i]);

        if (outcome == 2)
            skip();
        if (outcome != 0)
            print_message("number %zu of the forbidden things is possible\n", i);
        assert_int_equal(outcome, 0);
    }
    close(pair[0]);
    close(pair[1]);
}

static long abort_itself(void)
{
    abort();
}

static void a_worker_can_still_abort(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(attempt(abort_itself));
    assert_true(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        skip();
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_cannot),
        cmocka_unit_test(a_worker_can_still_abort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
