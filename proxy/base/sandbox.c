#include "proxy/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/error.h"

/* for workers alone */
static const int allowed_worker[] = {
    /* connections */
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    /* waiting */
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
};

static const int allowed[] = {
    /* bytes and descriptors */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    /* waiting */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    /* own memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    /* time, chance, self */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sysinfo),
    /* signals and the end */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* The filter sees arguments 64 bits wide, though the kernel takes fewer: mask them. */
#define ARGUMENT_IS(n, value)                                                            \
    SCMP_CMP64(n, SCMP_CMP_MASKED_EQ, UINT64_C(0xffffffff), (scmp_datum_t)(value))

/* A system call is allowed with this value of that argument only. */
struct exact {
    int call;
    unsigned argument;
    int value;
};

static const struct exact exactly[] = {
    {SCMP_SYS(fcntl), 1, F_GETFL}, {SCMP_SYS(fcntl), 1, F_GETFD},
    {SCMP_SYS(fcntl), 1, F_SETFD}, {SCMP_SYS(ioctl), 1, FIONBIO},
    {SCMP_SYS(ioctl), 1, FIOCLEX}, {SCMP_SYS(ioctl), 1, FIONREAD},
    {SCMP_SYS(ioctl), 1, SIOCOUTQ}, /* bytes that the client's kernel has not
                                     * acknowledged */
};

static int add_exact(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof(exactly) / sizeof(exactly[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, exactly[i].call, 1,
            ARGUMENT_IS(exactly[i].argument, exactly[i].value));
    return failed;
}

struct option {
    int level, name;
};

/* The socket options that a connection needs. SO_ATTACH_FILTER is not among them. */
static const struct option options[] = {
    {SOL_SOCKET, SO_LINGER},
    {SOL_SOCKET, SO_KEEPALIVE},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF},
    {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},
};

static int add_options(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
            ARGUMENT_IS(1, options[i].level), ARGUMENT_IS(2, options[i].name));
    return failed;
}

/* Allows stream sockets only, and of a family only its default protocol (0). */
static int add_stream(scmp_filter_ctx filter, int family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
        ARGUMENT_IS(0, family),
        SCMP_CMP64(1, SCMP_CMP_MASKED_EQ,
            UINT64_C(0xffffffff) & ~(uint64_t)(SOCK_NONBLOCK | SOCK_CLOEXEC),
            SOCK_STREAM),
        ARGUMENT_IS(2, 0));
}

static int add_with_arguments(scmp_filter_ctx filter)
{
    int failed = add_exact(filter);

    /* Memory may be mapped, but not to be executed. */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
        SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
        SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* send() without an address reaches the other end of a connection alone. sendmsg() is
     * not allowed, see channel_send(). */
    failed |= seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_CMP64(4, SCMP_CMP_EQ, 0, 0));
    /* Limits may be read, not set; abort()'s signal may be sent to ourselves only. */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
        ARGUMENT_IS(0, 0), SCMP_CMP64(2, SCMP_CMP_EQ, 0, 0));
    failed |= seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, ARGUMENT_IS(0, getpid()));
    return failed;
}

static bool forbid_io_uring(scmp_filter_ctx filter)
{
    return seccomp_rule_add(
               filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0) == 0;
}

/* No library probes for these calls: a process that makes one no longer runs our
 * program. */
static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kill),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(listen),
};

/* Linux before 4.14 can only end the thread; the last thread ends the process. */
static uint32_t deadly_action(void)
{
    enum { API_WITH_KILL_PROCESS = 3 };

    return seccomp_api_get() >= API_WITH_KILL_PROCESS ? SCMP_ACT_KILL_PROCESS
                                                      : SCMP_ACT_KILL_THREAD;
}

static int kill_for(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        failed |= seccomp_rule_add(filter, deadly_action(), deadly[i], 0);
    return failed;
}

static bool allow_helper(scmp_filter_ctx filter)
{
    return kill_for(filter) == 0;
}

static bool allow_signer(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    failed |= seccomp_rule_add(filter, deadly_action(), SCMP_SYS(bind), 0);
    return (failed | kill_for(filter) | add_with_arguments(filter)) == 0;
}

static bool allow_worker(scmp_filter_ctx filter)
{
    int failed =
        add_options(filter) | add_stream(filter, AF_INET) | add_stream(filter, AF_INET6);

    for (size_t i = 0; i < sizeof(allowed_worker) / sizeof(allowed_worker[0]); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_worker[i], 0);
    return failed == 0 && allow_signer(filter);
}

static bool allow_admin(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(accept4), 0) == 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(shutdown), 0) == 0 &&
        allow_signer(filter);
}

static bool allow_worker_with_unix(scmp_filter_ctx filter)
{
    return allow_worker(filter) && add_stream(filter, AF_UNIX) == 0;
}

const char *sandbox_exemption(void)
{
#if defined(WLB_SANITIZE) || defined(WLB_COVERAGE)
    return "no (instrumented build)";
#else
    return NULL;
#endif
}

/* Fills a filter, gives it to the kernel, and frees it. */
static bool install(
    uint32_t otherwise, bool (*fill)(scmp_filter_ctx filter), struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    bool loaded;

    if (filter == NULL)
        return error_set(err, "the system call filter: out of memory");
    loaded = fill(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return loaded ||
        error_set(err, "the kernel refuses the system call filter: %s", strerror(errno));
}

bool sandbox_enter_early(unsigned uv_version, struct error *err)
{
    enum { FIRST_WITH_IO_URING = 1 << 16 | 45 << 8 };

    if (sandbox_exemption() != NULL || uv_version < FIRST_WITH_IO_URING)
        return true;
    return install(SCMP_ACT_ALLOW, forbid_io_uring, err);
}

bool sandbox_enter(enum sandbox_kind kind, struct error *err)
{
    static bool (*const fills[])(scmp_filter_ctx filter) = {
        [SANDBOX_WORKER] = allow_worker,
        [SANDBOX_WORKER_WITH_UNIX] = allow_worker_with_unix,
        [SANDBOX_SIGNER] = allow_signer,
        [SANDBOX_ADMIN] = allow_admin,
        [SANDBOX_HELPER] = allow_helper,
    };
    const uint32_t otherwise =
        kind == SANDBOX_HELPER ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);

    return sandbox_exemption() != NULL || install(otherwise, fills[kind], err);
}
