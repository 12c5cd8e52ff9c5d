/*
 * privileges.h - who the workers are, and becoming it for good.
 */
#ifndef WLBPROXY_BASE_PRIVILEGES_H
#define WLBPROXY_BASE_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

struct error;

struct identity {
    bool drop; /* false: not root, stay who we are */
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* Looks `user` up; where that account does not exist: nobody (`fallback` tells). Not
 * being root is fine. An error if there is neither. */
bool identity_find(
    struct identity *identity, const char *user, bool *fallback, struct error *err);

/* Groups, gid, uid, in this order, and proof that there is no way back. */
bool privileges_drop(const struct identity *identity, struct error *err);

/* The master's: what it has no use for is gone for good, also where no service manager
 * has seen to it, and for the programs that it starts. */
void privileges_trim(void);

/* No more processes or threads; a bound for memory; and for those that have no log file,
 * no byte in any file. */
void privileges_limit(bool may_write_files);

/* For a process that has loaded what it needs: all of the above and below, and no file
 * system (no_files.h) unless `needs_paths`. `how` tells what came of that, for `status`.
 */
enum { CONFINED_TEXT_MAX = 192 };
struct confinement {
    const struct identity *identity;
    bool needs_paths; /* it connects to unix sockets by their names */
    bool may_write_files; /* its log is one */
};
bool privileges_give_up(const struct confinement *confinement,
    char how[CONFINED_TEXT_MAX], struct error *err);

/* No core file, no ptrace by others. */
void privileges_harden(void);

/* No new privileges by exec. For workers: a successor of the master may need them. */
void privileges_freeze(void);

/* Short of memory, the kernel is to end a worker, which is replaced, before the master.
 */
void privileges_volunteer(void);

#endif
