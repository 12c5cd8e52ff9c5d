/*
 * durable.h - files written so that whatever interrupts it, a kill or a power cut, leaves
 * the old or the new one.
 *
 * Whatever is written is 0600 before its first byte, under a name that nobody can have
 * prepared (O_EXCL, in the folder it is for), and on the disk before it gets its own
 * name. A rename is on the disk once durable_sync() of its folder has returned. err
 * begins with the path.
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_DURABLE_H
#define WLBPROXY_CERTSTORE_INSTALL_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;

struct file_access {
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* Replaces what is at `path`, a symbolic link too. */
bool durable_write(const char *path, const char *bytes, size_t len,
    const struct file_access *access, struct error *err);

/* Makes `path` a symbolic link, in place of whatever it was. */
bool durable_link(const char *target, const char *path, struct error *err);

/* Removes what an interrupted durable_write() or durable_link() to `path` may have left.
 */
bool durable_tidy(const char *path, struct error *err);

bool durable_rename(const char *from, const char *to, struct error *err);

/* A missing one is fine. */
bool durable_unlink(const char *path, struct error *err);

bool durable_sync(const char *folder, struct error *err);

/* The folder of a path; the caller frees. */
char *folder_of_path(const char *path);
/* The last part of a path; borrowed. */
const char *name_of_path(const char *path);

/* Whether two paths lead to one place, where there may be no file yet. */
bool is_same_path(const char *a, const char *b);

/* "<a><b><c>"; the caller frees. */
char *path_join(const char *a, const char *b, const char *c);

#endif
