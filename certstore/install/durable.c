#include "certstore/install/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/error.h"
#include "config/text_list.h"

static bool failed(struct error *err, const char *path, const char *what)
{
    return error_set(err, "%s: %s: %s", path, what, error_reason(errno));
}

char *path_join(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *path = malloc(size);

    if (path == NULL)
        abort();
    snprintf(path, size, "%s%s%s", a, b, c);
    return path;
}

const char *name_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

char *folder_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = text_copy(slash == NULL ? "." : path);

    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

/* All links resolved; of a missing file those of its folder. NULL: there is none. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL), *folder, *real_folder;

    if (real != NULL || errno != ENOENT)
        return real;
    folder = folder_of_path(path);
    real_folder = realpath(folder, NULL);
    if (real_folder != NULL)
        real = path_join(real_folder, "/", name_of_path(path));
    free(real_folder);
    free(folder);
    return real;
}

bool is_same_path(const char *a, const char *b)
{
    char *one = real_path(a), *other = real_path(b);
    bool same =
        strcmp(a, b) == 0 || (one != NULL && other != NULL && strcmp(one, other) == 0);

    free(other);
    free(one);
    return same;
}

/* The name that a file has until it is whole: always the same, so that interruptions
 * leave no litter. */
static char *unfinished_name(const char *path)
{
    char *folder = folder_of_path(path);
    char *start = path_join(folder, "/.", name_of_path(path));
    char *name = path_join(start, ".unfinished", "");

    free(start);
    free(folder);
    return name;
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

/* The owner first: a mode given to another owner's file would be lost. */
static bool set_access(int fd, const struct file_access *access)
{
    struct stat state;

    if (fstat(fd, &state) != 0)
        return false;
    if ((state.st_uid != access->uid || state.st_gid != access->gid) &&
        fchown(fd, access->uid, access->gid) != 0)
        return false;
    return fchmod(fd, access->mode) == 0;
}

static bool write_new(const char *name, const char *bytes, size_t len,
    const struct file_access *access, const char *path, struct error *err)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good;

    if (fd < 0)
        return failed(err, path, "a new file cannot be made in its folder");
    good = (write_all(fd, bytes, len) && fsync(fd) == 0) ||
        failed(err, path, "it cannot be written");
    if (good && !(set_access(fd, access) && fsync(fd) == 0))
        good = failed(err, path, "owner and mode cannot be set");
    if (close(fd) != 0 && good)
        good = failed(err, path, "it cannot be written");
    return good;
}

bool durable_write(const char *path, const char *bytes, size_t len,
    const struct file_access *access, struct error *err)
{
    char *name = unfinished_name(path);
    bool good = durable_unlink(name, err) &&
        write_new(name, bytes, len, access, path, err) && durable_rename(name, path, err);

    if (!good)
        (void)unlink(name);
    free(name);
    return good;
}

bool durable_link(const char *target, const char *path, struct error *err)
{
    char *name = unfinished_name(path);
    bool good = durable_unlink(name, err);

    if (good && symlink(target, name) != 0)
        good = failed(err, path, "a symbolic link cannot be made in its folder");
    good = good && durable_rename(name, path, err);
    if (!good)
        (void)unlink(name);
    free(name);
    return good;
}

bool durable_tidy(const char *path, struct error *err)
{
    char *name = unfinished_name(path);
    bool good = durable_unlink(name, err);

    free(name);
    return good;
}

bool durable_rename(const char *from, const char *to, struct error *err)
{
    return rename(from, to) == 0 || failed(err, to, "it cannot be replaced");
}

bool durable_unlink(const char *path, struct error *err)
{
    return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR ||
        failed(err, path, "it cannot be removed");
}

bool durable_sync(const char *folder, struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;

    if (!good)
        (void)failed(err, folder, "the folder cannot be written to the disk");
    if (fd >= 0)
        (void)close(fd);
    return good;
}
