#include "proxy/base/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/base/capabilities.h"
#include "proxy/base/error.h"
#include "proxy/base/no_files.h"
#include "proxy/base/sandbox.h"

enum { MEMORY_MAX = 16 /* GiB of addresses */ };

static bool take_account(struct identity *identity, const char *user)
{
    const struct passwd *account;

    errno = 0;
    account = getpwnam(user);
    if (account == NULL)
        return false;
    identity->uid = account->pw_uid;
    identity->gid = account->pw_gid;
    snprintf(identity->name, sizeof(identity->name), "%s", user);
    return true;
}

/* The error does not say that there is no such account: getpwnam(3). */
static bool lookup_failed(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO ||
        errno == EINTR;
}

bool identity_find(
    struct identity *identity, const char *user, bool *fallback, struct error *err)
{
    *fallback = false;
    *identity = (struct identity){.uid = geteuid(), .gid = getegid()};
    snprintf(identity->name, sizeof(identity->name), "uid %u", (unsigned)geteuid());
    if (geteuid() != 0)
        return true;

    identity->drop = true;
    if (!take_account(identity, user)) {
        if (lookup_failed())
            return error_set(
                err, "user: '%s' cannot be looked up: %s", user, strerror(errno));
        *fallback = true;
        if (!take_account(identity, "nobody"))
            return error_set(err,
                "user: there is no account '%s', nor 'nobody'; create it "
                "or name another one",
                user);
    }
    if (identity->uid == 0)
        return error_set(
            err, "user: '%s' is root; the workers must not be", identity->name);
    return true;
}

bool privileges_drop(const struct identity *identity, struct error *err)
{
    uid_t real, effective, saved;

    if (!identity->drop) {
        capabilities_keep(0); /* a manager may have given an ordinary user some */
        return true;
    }
    capabilities_bound(0);
    if (setgroups(0, NULL) != 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) != 0)
        return error_set(err,
            "cannot become %s: %s; in a container that forbids it, start it as an "
            "ordinary user",
            identity->name, strerror(errno));
    if (getresuid(&real, &effective, &saved) != 0 || real != identity->uid ||
        effective != identity->uid || saved != identity->uid || setuid(0) == 0)
        return error_set(err, "became %s, but not for good", identity->name);
    return true;
}

void privileges_trim(void)
{
    static const unsigned kept[] = {
        CAP_SETUID, /* workers are of another user */
        CAP_SETGID, CAP_KILL, CAP_SETPCAP, /* and can get no capability back */
        CAP_SYS_CHROOT, /* and have an empty root */
        CAP_NET_BIND_SERVICE, /* ports below 1024 */
        CAP_NET_ADMIN, /* newer kernels: a filter on a socket that is about to close */
        CAP_DAC_READ_SEARCH, /* keys, and what is in other users' folders */
        CAP_IPC_LOCK, /* keys are not swapped */
        CAP_SYS_RESOURCE, /* the descriptor limit */
        CAP_SYS_PTRACE, /* /proc/PID/fd: who holds a port that we cannot have */
    };
    uint64_t mask = 0;

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        mask |= UINT64_C(1) << kept[i];
    capabilities_keep(mask);
}

static void limit(int resource, rlim_t value)
{
    struct rlimit current;

    if (getrlimit((__rlimit_resource_t)resource, &current) != 0 ||
        current.rlim_max < value)
        return;
    current = (struct rlimit){value, value};
    (void)setrlimit((__rlimit_resource_t)resource, &current);
}

void privileges_limit(void)
{
#ifndef WLB_SANITIZE
    limit(RLIMIT_AS, (rlim_t)MEMORY_MAX << 30);
#endif
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_MSGQUEUE, 0);
    if (sandbox_exemption() == NULL) /* an instrumented build writes its results */
        limit(RLIMIT_FSIZE, 0);
}

void privileges_harden(void)
{
    static const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void privileges_freeze(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool privileges_give_up(
    const struct confinement *confinement, char how[CONFINED_TEXT_MAX], struct error *err)
{
    const char *exempt = sandbox_exemption();
    char root[NO_FILES_TEXT_MAX] = "the root is kept for unix sockets",
         files[NO_FILES_TEXT_MAX];

    if (exempt == NULL && !confinement->needs_paths)
        no_files_empty_root(root, sizeof(root));
    if (!privileges_drop(confinement->identity, err))
        return false;
    privileges_harden();
    privileges_limit();
    privileges_freeze();
    if (exempt == NULL)
        no_files_landlock(NO_FILES, confinement->ports, files, sizeof(files));
    if (exempt == NULL)
        snprintf(how, CONFINED_TEXT_MAX, "seccomp, %.80s, %.80s", files, root);
    else
        snprintf(how, CONFINED_TEXT_MAX, "%s", exempt);
    return true;
}

void privileges_volunteer(void)
{
    static const char score[] = "300\n";
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    ssize_t ignored = write(fd, score, sizeof(score) - 1);
    (void)ignored;
    close(fd);
}
