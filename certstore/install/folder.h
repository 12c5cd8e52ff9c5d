/*
 * folder.h - a folder, held by a descriptor, and the files in it, by their names.
 *
 * The folder may belong to another user than ours. So nothing is done by a path: the
 * folder is opened once, and every later change is made in that folder, wherever its path
 * leads by then. A symbolic link on the way to it is followed only if it belongs to root,
 * to us, or to the owner of the folder it leads to. No link in the folder is ever
 * followed, and only regular files are read. Root works with the rights of the folder's
 * owner, who so gains no right that he did not have.
 *
 * A file is written whole, under a temporary name, and is on the disk before it gets its
 * name. A rename is on the disk once folder_sync() has returned. err begins with the
 * path. A missing file is no fault of folder_read(), folder_unlink() and folder_tidy().
 */
#ifndef WLBPROXY_CERTSTORE_INSTALL_FOLDER_H
#define WLBPROXY_CERTSTORE_INSTALL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct error;

struct folder {
    int fd; /* -1: not open */
    char *path; /* without links; for people, and to tell folders apart */
    uid_t uid; /* its owner */
    gid_t gid;
    gid_t owner_gid; /* the owner's own group */
    bool as_owner; /* we are root, and its owner is not */
    bool is_shared; /* other users may put files into it */
};

/* The owner, group and mode of a file. */
struct file_access {
    bool is_known;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* The bytes of a file, which are secret. text NULL: it is missing. */
struct file_text {
    char *text;
    size_t len;
    struct file_access access;
    time_t modified;
};

void file_text_destroy(struct file_text *file);

/* Close the folder also after a failure of either. */
bool folder_open(struct folder *folder, const char *path, struct error *err);
bool folder_open_in(struct folder *folder, const struct folder *parent, const char *name,
    struct error *err);
void folder_close(struct folder *folder);

/* Opens the folder of a file's path, with the links on the way to the file resolved, too.
 * *name is the file's own name there (the caller frees). `stays` decides by the text of a
 * link that it is not to be followed; it may be NULL. */
struct link_rule {
    bool (*stays)(const void *context, const struct folder *folder, const char *name,
        const char *text);
    const void *context;
};
bool folder_of_file(struct folder *folder, const char *path, const struct link_rule *rule,
    char **name, struct error *err);

/* Returns whether the path still leads to this folder. */
bool folder_is_at(const struct folder *folder, const char *path);

/* Makes the folder and its missing parents. */
bool folder_make_path(const char *path, struct error *err);

/* The access of a file that replaces none: it belongs to the folder's owner. */
struct file_access folder_access_of_new(const struct folder *folder, mode_t mode);

/* False and err: it cannot be found out. */
bool folder_has(
    const struct folder *folder, const char *name, bool *has, struct error *err);
/* Reads the owner, group and mode of a regular file. For anything else *known is
 * false. */
bool folder_look(const struct folder *folder, const char *name,
    struct file_access *access, bool *is_link, struct error *err);
/* Returns the text of a symbolic link; NULL: it is missing, or no link. The caller
 * frees. */
bool folder_read_link(
    const struct folder *folder, const char *name, char **text, struct error *err);
bool folder_read(const struct folder *folder, const char *name, struct file_text *file,
    struct error *err);

/* Replaces any file of that name, and a symbolic link too. */
bool folder_write(const struct folder *folder, const char *name, const char *bytes,
    size_t len, const struct file_access *access, struct error *err);
bool folder_link(
    const struct folder *folder, const char *target, const char *name, struct error *err);
/* Removes what an interrupted folder_write() or folder_link() to `name` may have left. */
bool folder_tidy(const struct folder *folder, const char *name, struct error *err);

bool folder_make(
    const struct folder *folder, const char *name, mode_t mode, struct error *err);
bool folder_rename(
    const struct folder *folder, const char *from, const char *to, struct error *err);
/* Never replaces a file: if there is one, *taken is set and the result is true. */
bool folder_rename_new(const struct folder *folder, const char *from, const char *to,
    bool *taken, struct error *err);
bool folder_unlink(const struct folder *folder, const char *name, struct error *err);
bool folder_remove(const struct folder *folder, const char *name, struct error *err);
bool folder_sync(const struct folder *folder, struct error *err);

/* Returns whether new files can be made in it, as far as can be seen without making
 * one. */
bool folder_is_writable(const struct folder *folder, struct error *err);

/* Never replaces a file: if there is one, *taken is set and the result is true. */
bool folder_write_new(const struct folder *folder, const char *name, const char *bytes,
    size_t len, const struct file_access *access, bool *taken, struct error *err);

/* Until folder_leave() the process has the rights of the folder's owner, if we are root
 * and the owner is not. folder_leave() keeps errno. False and errno: it cannot change its
 * rights. */
bool folder_enter(const struct folder *folder);
void folder_leave(const struct folder *folder);

/* Each opens the folder of the path; the file is then written and synced, or read, or
 * removed. */
bool file_read(const char *path, struct file_text *file, struct error *err);
bool file_write(const char *path, const char *bytes, size_t len,
    const struct file_access *access, struct error *err);
bool file_unlink(const char *path, struct error *err);

#endif
