#include "proxy/base/no_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/base/capabilities.h"

/* ---- an empty root ---- */

/* Opens a folder that has been removed, so that nothing can be made in it. -1 and
 * errno. */
static int open_unlinked_folder(void)
{
    static const char *const places[] = {"/run", "/tmp", "/dev/shm", "/var/tmp"};
    char path[64];
    int fd = -1;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && fd < 0; i++) {
        snprintf(path, sizeof(path), "%s/wlbproxy-empty-XXXXXX", places[i]);
        if (mkdtemp(path) == NULL)
            continue;
        fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)rmdir(path);
    }
    return fd;
}

/* An ordinary user may do it in a user namespace of his own. Its capabilities end with
 * this function. */
static bool change_root(int folder)
{
    bool as_user = geteuid() != 0;
    bool changed = (!as_user || unshare(CLONE_NEWUSER) == 0) && fchdir(folder) == 0 &&
        chroot(".") == 0;
    int error = errno;

    if (as_user)
        capabilities_keep(0);
    errno = error;
    return changed;
}

void no_files_empty_root(char *how, size_t size)
{
    int folder = open_unlinked_folder();

    if (folder >= 0 && change_root(folder))
        snprintf(how, size, "empty root");
    else
        snprintf(how, size, "no empty root (%s)", strerror(errno));
    if (folder >= 0)
        close(folder);
}

/* ---- Landlock: as in linux/landlock.h, which may be older than the kernel ---- */

struct ruleset {
    uint64_t files, ports, scopes;
};

enum {
    LANDLOCK_VERSION = 1, /* flag of landlock_create_ruleset() */
    SIZE_FILES = 8, /* until version 3 */
    SIZE_PORTS = 16, /* 4 and 5 */
    SIZE_SCOPES = 24,
    READ_FILE = 1 << 2,
    READ_FOLDER = 1 << 3,
    BIND_TCP = 1,
    CONNECT_TCP = 2,
    PORT_RULE = 2,
    SCOPE_ABSTRACT_UNIX = 1,
    SCOPE_SIGNAL = 2,
};

/* Returns how many rights on files a version has. */
static unsigned file_rights(long version)
{
    static const unsigned counts[] = {0, 13, 14, 15, 15, 16};
    const long last = sizeof(counts) / sizeof(counts[0]) - 1;

    return counts[version < last ? version : last];
}

struct port_rule {
    uint64_t rights, port;
};

static bool allow_ports(int fd, const struct tcp_ports *ports)
{
    bool allowed = true;

    for (size_t i = 0; i < ports->count; i++) {
        const struct port_rule rule = {CONNECT_TCP, ports->list[i]};

        allowed = allowed && syscall(SYS_landlock_add_rule, fd, PORT_RULE, &rule, 0) == 0;
    }
    return allowed;
}

static bool restrict_to(enum no_files which, const struct tcp_ports *ports, long version)
{
    const uint64_t all = (UINT64_C(1) << file_rights(version)) - 1;
    const struct ruleset ruleset = {
        .files = which == NO_FILES ? all : all & ~(uint64_t)(READ_FILE | READ_FOLDER),
        .ports = ports != NULL ? BIND_TCP | CONNECT_TCP : BIND_TCP,
        .scopes = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL,
    };
    size_t size = version < 4 ? SIZE_FILES : version < 6 ? SIZE_PORTS : SIZE_SCOPES;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    bool restricted = fd >= 0 && (ports == NULL || allow_ports(fd, ports)) &&
        syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    int error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return restricted;
}

static void say_ports(const struct tcp_ports *ports, bool held, char *how, size_t size)
{
    size_t len = strlen(how);

    if (!held)
        snprintf(how + len, size - len, ", TCP to any port");
    for (size_t i = 0; held && i < ports->count && len < size; i++)
        len += (size_t)snprintf(how + len, size - len, "%s%u", i == 0 ? ", TCP to " : " ",
            (unsigned)ports->list[i]);
}

void no_files_landlock(
    enum no_files which, const struct tcp_ports *ports, char *how, size_t size)
{
    enum { FIRST_WITH_PORTS = 4 };
    bool wanted = ports != NULL && ports->held;
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_VERSION);

    bool held = wanted && version >= FIRST_WITH_PORTS;

    if (version > 0 && restrict_to(which, held ? ports : NULL, version)) {
        snprintf(how, size, "Landlock %ld", version);
    } else {
        snprintf(how, size, "no Landlock (%s)", strerror(errno));
        held = false;
    }
    if (wanted)
        say_ports(ports, held, how, size);
}
