/* The system calls that a confined worker can still make: each is tried in a process of
 * its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

#include "proxy/base/error.h"
#include "proxy/base/sandbox.h"
#include "tests/unit/confined.h"

static int pair[2];

/* By its number, because the library makes another call for fstat(). */
static long no_looking_at_paths(void)
{
    struct stat state;

    return syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &state, 0);
}

static long no_looking_at_paths_as_fstat(void)
{
    struct stat state;

    return syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &state, AT_EMPTY_PATH);
}

static long no_unix_stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

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

/* The master has the log's descriptor, too: without O_APPEND its earlier lines could be
 * overwritten. */
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

static long no_multipath(void)
{
    return socket(AF_INET, SOCK_STREAM, 262 /* IPPROTO_MPTCP */);
}

static long no_other_types(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

static long no_other_tcp_options(void)
{
    return setsockopt(pair[0], IPPROTO_TCP, 31 /* TCP_ULP */, "tls", 3);
}

static long no_stream(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long no_connection(void)
{
    struct sockaddr_un address = {AF_UNIX, "/nowhere"};

    return connect(pair[0], (struct sockaddr *)&address, sizeof(address));
}

static long no_accepting(void)
{
    return accept4(pair[0], NULL, NULL, 0);
}

typedef long trial(void);

/* These fail with EPERM, because a library may try them. */
static trial *const refused[] = {no_file, no_code, no_code_later, no_datagrams,
    no_netlink, no_packets, no_filter_on_sockets, no_passing_of_descriptors,
    no_sending_elsewhere, no_ring, no_prctl, no_limits, no_signals_by_descriptor,
    no_rewriting_of_the_log, no_names_of_files, no_multipath, no_other_types,
    no_other_tcp_options, no_looking_at_paths, no_looking_at_paths_as_fstat};

/* Refused unless a service connects to one. */
static trial *const refused_without_unix[] = {no_unix_stream};

/* Refused to the signer as well. */
static trial *const refused_signer[] = {no_stream, no_connection, no_accepting};

/* These end the process. */
static trial *const deadly[] = {no_program, no_child, no_tracing, no_reading_of_others,
    no_killing, no_listening, no_binding, no_bpf, no_kernel_keys, no_namespace,
    no_other_identity};

static bool under_valgrind; /* a filter would stop it */

static enum outcome attempt(enum sandbox_kind kind, trial *what)
{
    struct error err;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (under_valgrind || sandbox_exemption() != NULL)
        return NO_FILTER;
    if (!sandbox_enter(kind, &err))
        return POSSIBLE;
    errno = 0;
    return what() == -1 && errno == EPERM ? REFUSED : POSSIBLE;
}

static enum outcome in_a_child(enum sandbox_kind kind, trial *what)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        _exit(attempt(kind, what));
    assert_true(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return KILLED;
    assert_true(WIFEXITED(status));
    return (enum outcome)WEXITSTATUS(status);
}

static void try_all(
    enum sandbox_kind kind, trial *const *trials, size_t count, enum outcome expected)
{
    for (size_t i = 0; i < count; i++) {
        enum outcome outcome = in_a_child(kind, trials[i]);

        if (outcome == NO_FILTER)
            skip();
        if (outcome != expected)
            print_message("number %zu of the forbidden things: outcome %d\n", i, outcome);
        assert_int_equal(outcome, expected);
    }
}

#define TRY(kind, trials, outcome)                                                       \
    try_all(kind, trials, sizeof(trials) / sizeof((trials)[0]), outcome)

static void make_pair(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
}

static void a_worker_cannot(void **state)
{
    (void)state;
    make_pair();
    TRY(SANDBOX_WORKER, refused, REFUSED);
    TRY(SANDBOX_WORKER, refused_without_unix, REFUSED);
    TRY(SANDBOX_WORKER, deadly, KILLED);
    TRY(SANDBOX_WORKER_WITH_UNIX, refused, REFUSED);
    TRY(SANDBOX_WORKER_WITH_UNIX, deadly, KILLED);
    close(pair[0]);
    close(pair[1]);
}

static void the_signer_cannot(void **state)
{
    (void)state;
    make_pair();
    TRY(SANDBOX_SIGNER, refused, REFUSED);
    TRY(SANDBOX_SIGNER, refused_signer, REFUSED);
    TRY(SANDBOX_SIGNER, refused_without_unix, REFUSED);
    TRY(SANDBOX_SIGNER, deadly, KILLED);
    close(pair[0]);
    close(pair[1]);
}

static void the_admin_process_cannot(void **state)
{
    static trial *const refused_admin[] = {no_stream, no_connection};

    (void)state;
    make_pair();
    TRY(SANDBOX_ADMIN, refused, REFUSED);
    TRY(SANDBOX_ADMIN, refused_admin, REFUSED);
    TRY(SANDBOX_ADMIN, deadly, KILLED);
    close(pair[0]);
    close(pair[1]);
}

static void the_environment_switches_nothing_off(void **state)
{
    (void)state;
    if (under_valgrind)
        skip();
    setenv("LD_PRELOAD", "vgpreload_core.so", 1);
    make_pair();
    enum outcome outcome = in_a_child(SANDBOX_WORKER, no_file);
    if (outcome == NO_FILTER)
        skip(); /* an instrumented build */
    assert_int_equal(outcome, REFUSED);
    unsetenv("LD_PRELOAD");
    close(pair[0]);
    close(pair[1]);
}

/* ---- system calls of a connection ---- */

static enum outcome set_options(void)
{
    static const struct {
        int level, name, value;
    } needed[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 6},
    };
    struct error err;
    int fd;

    if (under_valgrind || sandbox_exemption() != NULL)
        return NO_FILTER;
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!sandbox_enter(SANDBOX_WORKER, &err))
        return REFUSED;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (setsockopt(fd, needed[i].level, needed[i].name, &needed[i].value,
                sizeof(needed[i].value)) != 0)
            return REFUSED;
    }
    return POSSIBLE;
}

static void a_worker_can_set_the_options_of_a_connection(void **state)
{
    enum outcome outcome = outcome_of(set_options);

    (void)state;
    if (outcome == NO_FILTER)
        skip();
    assert_int_equal(outcome, POSSIBLE);
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
        _exit((int)attempt(SANDBOX_WORKER, abort_itself));
    assert_true(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
        skip();
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const char *preload = getenv("LD_PRELOAD");

    under_valgrind = preload != NULL && strstr(preload, "vgpreload") != NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_cannot),
        cmocka_unit_test(the_signer_cannot),
        cmocka_unit_test(the_admin_process_cannot),
        cmocka_unit_test(the_environment_switches_nothing_off),
        cmocka_unit_test(a_worker_can_still_abort),
        cmocka_unit_test(a_worker_can_set_the_options_of_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
