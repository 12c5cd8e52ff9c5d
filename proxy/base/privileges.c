#include "proxy/base/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proxy/base/error.h"

enum { CAPABILITY_MAX = 63, MEMORY_MAX = 16 /* GiB of addresses */ };

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

/* There may be such an account: getpwnam(3). */
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

/* Nothing that is executed, were anything, gets a capability back. Without CAP_SETPCAP
 * somebody has seen to it. */
static void drop_bounding_set(void)
{
    for (unsigned long capability = 0; capability <= CAPABILITY_MAX; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

bool privileges_drop(const struct identity *identity, struct error *err)
{
    uid_t real, effective, saved;

    if (!identity->drop)
        return true;
    drop_bounding_set();
    if (setgroups(0, NULL) != 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) != 0)
        return error_set(err,
            "cannot become %s: %s; in a container that forbids it, start it as an "
            "ordinary "
            "user",
            identity->name, strerror(errno));
    if (getresuid(&real, &effective, &saved) != 0 || real != identity->uid ||
        effective != identity->uid || saved != identity->uid || setuid(0) == 0)
        return error_set(err, "became %s, but not for good", identity->name);
    return true;
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

void privileges_limit(bool may_write_files)
{
#ifndef WLB_SANITIZE
    limit(RLIMIT_AS, (rlim_t)MEMORY_MAX << 30);
#endif
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_MSGQUEUE, 0);
    if (!may_write_files)
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
