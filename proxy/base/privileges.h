/*
 * privileges.h - the account of the workers, and how a process becomes it for good.
 */
#ifndef WLBPROXY_BASE_PRIVILEGES_H
#define WLBPROXY_BASE_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct tcp_ports;

struct identity {
    bool drop; /* false: not root, the process keeps its account */
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* Looks `user` up. Where that account does not exist, it is nobody, and `fallback` says
 * so; where there is neither, that is an error. A process that is not root keeps its
 * account. */
bool identity_find(
    struct identity *identity, const char *user, bool *fallback, struct error *err);

/* Drops groups, gid and uid, in this order, and proves that there is no way back. */
bool privileges_drop(const struct identity *identity, struct error *err);

/* For the master: drops the capabilities that it does not need, for good, also for the
 * programs that it starts. It works without a service manager, too. */
void privileges_trim(void);

/* Forbids more processes and threads and any byte in a file, and bounds memory. */
void privileges_limit(void);

/* For a process that has loaded what it needs: does all of the functions above and below,
 * and takes the file system away (no_files.h) unless `needs_paths`. `how` gets the result
 * in words, for `status`. */
enum { CONFINED_TEXT_MAX = 192 };
struct confinement {
    const struct identity *identity;
    bool needs_paths; /* it connects to unix sockets by their names */
    const struct tcp_ports *ports; /* NULL: it may connect to any */
};
bool privileges_give_up(const struct confinement *confinement,
    char how[CONFINED_TEXT_MAX], struct error *err);

/* Forbids core files, and ptrace by others. */
void privileges_harden(void);

/* Forbids new privileges by exec. For workers only: a successor of the master may need
 * them. */
void privileges_freeze(void);

/* Makes the kernel, short of memory, end a worker before the master: a worker is
 * replaced. */
void privileges_volunteer(void);

#endif
