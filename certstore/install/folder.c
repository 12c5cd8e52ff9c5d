#include "certstore/install/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certstore/finding.h"
#include "certstore/read/secret_file.h"
#include "certstore/secrets.h"
#include "config/path.h"
#include "config/text_list.h"
#include "proxy/base/error.h"
#include "proxy/base/memory.h"

static bool failed(struct error *err, const char *path, const char *what)
{
    return error_set(err, "%s: %s: %s", path, what, error_reason(errno));
}

static bool fail_file(
    const struct folder *folder, const char *name, const char *what, struct error *err)
{
    return error_set(err, "%s/%s: %s: %s", folder->path, name, what, error_reason(errno));
}

void file_text_destroy(struct file_text *file)
{
    secrets_free(file->text, file->len);
    *file = (struct file_text){0};
}

bool folder_make_path(const char *path, struct error *err)
{
    char *parent = folder_of_path(path);
    struct stat state;
    struct folder folder = {.fd = -1};
    bool good = true;

    if (stat(path, &state) != 0 && errno == ENOENT && strcmp(parent, path) != 0)
        good = folder_make_path(parent, err) && folder_open(&folder, parent, err) &&
            folder_make(&folder, name_of_path(path), 0755, err) &&
            folder_sync(&folder, err);
    folder_close(&folder);
    free(parent);
    return good;
}

struct file_access folder_access_of_new(const struct folder *folder, mode_t mode)
{
    return (struct file_access){
        .is_known = true,
        .mode = mode,
        .uid = folder->as_owner ? folder->uid : geteuid(),
        .gid = folder->as_owner ? folder->owner_gid : getegid(),
    };
}

/* ---- what is there ---- */

bool folder_has(
    const struct folder *folder, const char *name, bool *has, struct error *err)
{
    struct stat state;

    *has = folder_enter(folder) &&
        fstatat(folder->fd, name, &state, AT_SYMLINK_NOFOLLOW) == 0;
    folder_leave(folder);
    return *has || errno == ENOENT ||
        fail_file(folder, name, "whether it is there cannot be seen", err);
}

bool folder_look(const struct folder *folder, const char *name,
    struct file_access *access, bool *is_link, struct error *err)
{
    struct stat state;
    bool seen = folder_enter(folder) &&
        fstatat(folder->fd, name, &state, AT_SYMLINK_NOFOLLOW) == 0;

    folder_leave(folder);
    *access = (struct file_access){0};
    *is_link = seen && S_ISLNK(state.st_mode);
    if (seen && S_ISREG(state.st_mode))
        *access =
            (struct file_access){true, state.st_mode & 0777, state.st_uid, state.st_gid};
    return seen || errno == ENOENT ||
        fail_file(folder, name, "whether it is there cannot be seen", err);
}

/* In a folder where others put files, a second name of a file may belong to somebody who
 * could not read it himself. */
static bool may_read(const struct folder *folder, const char *name,
    const struct stat *state, struct error *err)
{
    if (!S_ISREG(state->st_mode) || state->st_nlink < 2 || !folder->is_shared)
        return true;
    return error_set(err,
        "%s/%s: this file has another name elsewhere (a hard link), and others than root "
        "may write in its folder; look what it is, and move it away",
        folder->path, name);
}

static bool read_fd(const struct folder *folder, const char *name, int fd,
    struct file_text *file, struct error *err)
{
    char *path = path_join(folder->path, "/", name);
    struct findings findings;
    struct secret_file secret = {0};
    bool good;

    findings_init(&findings);
    good = secret_file_read_fd(&secret, fd, path, &findings);
    if (!good)
        finding_sentence(&findings.items[0], err->text, sizeof(err->text));
    else if (!may_read(folder, name, &secret.state, err)) {
        secret_file_destroy(&secret);
        good = false;
    } else
        *file = (struct file_text){secret.text, secret.len,
            {true, secret.state.st_mode & 0777, secret.state.st_uid, secret.state.st_gid},
            secret.state.st_mtime};
    findings_destroy(&findings);
    free(path);
    return good;
}

bool folder_read(const struct folder *folder, const char *name, struct file_text *file,
    struct error *err)
{
    int fd = -1;
    bool good;

    *file = (struct file_text){0};
    if (folder_enter(folder))
        fd = openat(
            folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    folder_leave(folder);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return true;
    if (fd < 0 && errno == ELOOP)
        return error_set(err,
            "%s/%s: this is a symbolic link, and is not followed here; look where it "
            "leads, and move it away",
            folder->path, name);
    if (fd < 0)
        return fail_file(folder, name, "it cannot be opened", err);
    good = read_fd(folder, name, fd, file, err);
    (void)close(fd);
    return good;
}

/* ---- changes ---- */

/* A file has this name until it is whole. It is always the same, so that an interruption
 * leaves at most one. */
static char *unfinished_name(const char *name)
{
    return path_join(".", name, ".unfinished");
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, bytes, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        len -= (size_t)done;
    }
    return true;
}

/* The owner is set first: a mode given to another owner's file would be lost. Until the
 * file has its name it is ours alone, so root may give it to the previous owner. */
static bool set_access(int fd, const struct file_access *access)
{
    struct stat state;

    if (fstat(fd, &state) != 0)
        return false;
    if ((state.st_uid != access->uid || state.st_gid != access->gid) &&
        fchown(fd, access->uid, access->gid) != 0)
        return false;
    return fchmod(fd, access->mode & 0777) == 0;
}

static int create(const struct folder *folder, const char *name)
{
    int fd = -1;

    if (folder_enter(folder))
        fd = openat(
            folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    folder_leave(folder);
    return fd;
}

static bool fill(const struct folder *folder, const char *name, int fd, const char *bytes,
    size_t len, const struct file_access *access, struct error *err)
{
    bool good = (write_all(fd, bytes, len) && fsync(fd) == 0) ||
        fail_file(folder, name, "it cannot be written", err);

    if (good && !(set_access(fd, access) && fsync(fd) == 0))
        good = fail_file(folder, name, "owner and mode cannot be set", err);
    if (close(fd) != 0 && good)
        good = fail_file(folder, name, "it cannot be written", err);
    return good;
}

static int unlink_quietly(const struct folder *folder, const char *name, int flags)
{
    int result = -1;

    if (folder_enter(folder))
        result = unlinkat(folder->fd, name, flags);
    folder_leave(folder);
    return result;
}

static int rename_quietly(const struct folder *folder, const char *from, const char *to)
{
    int result = -1;

    if (folder_enter(folder))
        result = renameat(folder->fd, from, folder->fd, to);
    folder_leave(folder);
    return result;
}

bool folder_write(const struct folder *folder, const char *name, const char *bytes,
    size_t len, const struct file_access *access, struct error *err)
{
    char *unfinished = unfinished_name(name);
    bool good = folder_unlink(folder, unfinished, err);
    int fd = good ? create(folder, unfinished) : -1;

    if (good && fd < 0)
        good = fail_file(folder, name, "a new file cannot be made in its folder", err);
    good = good && fill(folder, name, fd, bytes, len, access, err) &&
        folder_rename(folder, unfinished, name, err);
    if (!good)
        (void)unlink_quietly(folder, unfinished, 0);
    free(unfinished);
    return good;
}

bool folder_write_new(const struct folder *folder, const char *name, const char *bytes,
    size_t len, const struct file_access *access, bool *taken, struct error *err)
{
    int fd = create(folder, name);
    bool good;

    *taken = fd < 0 && errno == EEXIST;
    if (*taken)
        return true;
    if (fd < 0)
        return fail_file(folder, name, "it cannot be written", err);
    good = fill(folder, name, fd, bytes, len, access, err);
    if (!good)
        (void)unlink_quietly(folder, name, 0);
    return good;
}

bool folder_link(
    const struct folder *folder, const char *target, const char *name, struct error *err)
{
    char *unfinished = unfinished_name(name);
    bool good = folder_unlink(folder, unfinished, err);
    int result = -1;

    if (good && folder_enter(folder))
        result = symlinkat(target, folder->fd, unfinished);
    folder_leave(folder);
    if (good && result != 0)
        good =
            fail_file(folder, name, "a symbolic link cannot be made in its folder", err);
    good = good && folder_rename(folder, unfinished, name, err);
    if (!good)
        (void)unlink_quietly(folder, unfinished, 0);
    free(unfinished);
    return good;
}

bool folder_tidy(const struct folder *folder, const char *name, struct error *err)
{
    char *unfinished = unfinished_name(name);
    bool good = folder_unlink(folder, unfinished, err);

    free(unfinished);
    return good;
}

/* The mode is set again, because of the umask. */
bool folder_make(
    const struct folder *folder, const char *name, mode_t mode, struct error *err)
{
    bool good = folder_enter(folder) && mkdirat(folder->fd, name, mode) == 0;
    int fd = -1;

    if (good)
        fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    good = fd >= 0 && fchmod(fd, mode) == 0;
    folder_leave(folder);
    if (!good)
        (void)fail_file(folder, name, "it cannot be made", err);
    if (fd >= 0)
        (void)close(fd);
    return good;
}

bool folder_rename(
    const struct folder *folder, const char *from, const char *to, struct error *err)
{
    return rename_quietly(folder, from, to) == 0 ||
        fail_file(folder, to, "it cannot be replaced", err);
}

bool folder_rename_new(const struct folder *folder, const char *from, const char *to,
    bool *taken, struct error *err)
{
    int result = -1;

    /* linkat() never replaces; an old kernel has no RENAME_NOREPLACE. */
    if (folder_enter(folder))
        result = linkat(folder->fd, from, folder->fd, to, 0);
    folder_leave(folder);
    *taken = result != 0 && errno == EEXIST;
    if (*taken)
        return true;
    if (result != 0)
        return fail_file(folder, to, "it cannot be made", err);
    return folder_unlink(folder, from, err);
}

bool folder_unlink(const struct folder *folder, const char *name, struct error *err)
{
    return unlink_quietly(folder, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR ||
        fail_file(folder, name, "it cannot be removed", err);
}

bool folder_remove(const struct folder *folder, const char *name, struct error *err)
{
    return unlink_quietly(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT ||
        fail_file(folder, name, "it cannot be removed", err);
}

bool folder_sync(const struct folder *folder, struct error *err)
{
    return fsync(folder->fd) == 0 ||
        failed(err, folder->path, "the folder cannot be written to the disk");
}

bool folder_is_writable(const struct folder *folder, struct error *err)
{
    bool good =
        folder_enter(folder) && faccessat(folder->fd, ".", W_OK | X_OK, AT_EACCESS) == 0;

    folder_leave(folder);
    return good || failed(err, folder->path, "no file can be made in this folder");
}

/* ---- by a path ---- */

/* Opens the folder of the path, following the path's own links where that is allowed.
 * `name` is borrowed from the path. */
static bool open_for(
    struct folder *folder, const char *path, const char **name, struct error *err)
{
    char *parent = folder_of_path(path);
    bool good = folder_open(folder, parent, err);

    *name = name_of_path(path);
    free(parent);
    return good;
}

bool file_read(const char *path, struct file_text *file, struct error *err)
{
    struct folder folder;
    const char *name;
    bool good;

    *file = (struct file_text){0};
    good = open_for(&folder, path, &name, err) && folder_read(&folder, name, file, err);
    folder_close(&folder);
    return good;
}

bool file_write(const char *path, const char *bytes, size_t len,
    const struct file_access *access, struct error *err)
{
    struct folder folder;
    const char *name;
    bool good = open_for(&folder, path, &name, err) &&
        folder_write(&folder, name, bytes, len, access, err) && folder_sync(&folder, err);

    folder_close(&folder);
    return good;
}

bool file_unlink(const char *path, struct error *err)
{
    struct folder folder;
    const char *name;
    bool good = open_for(&folder, path, &name, err) && folder_unlink(&folder, name, err);

    folder_close(&folder);
    return good;
}
