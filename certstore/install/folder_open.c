#include "certstore/install/folder.h"
#include "proxy/base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "config/path.h"
#include "config/text_list.h"
#include "proxy/base/error.h"

enum { LINKS_MAX = 40 };

static bool failed(struct error *err, const char *path, const char *what)
{
    return error_set(err, "%s: %s: %s", path, what, error_reason(errno));
}

/* ---- as the owner of the folder ---- */

/* The kernel takes root's powers over files away while the file system's user is not
 * root. False: it did not, and we would still act as root. */
bool folder_enter(const struct folder *folder)
{
    if (!folder->as_owner)
        return true;
    (void)setfsgid(folder->owner_gid);
    (void)setfsuid(folder->uid);
    if ((uid_t)setfsuid((uid_t)-1) == folder->uid &&
        (gid_t)setfsgid((gid_t)-1) == folder->owner_gid)
        return true;
    (void)setfsuid(geteuid());
    (void)setfsgid(getegid());
    errno = EPERM;
    return false;
}

void folder_leave(const struct folder *folder)
{
    const int code = errno;

    if (folder->as_owner) {
        (void)setfsuid(geteuid());
        (void)setfsgid(getegid());
    }
    errno = code;
}

/* The folder's own group is not used: its owner may not be a member of it. Root's groups
 * are not his either. */
static bool set_owner(struct folder *folder, struct error *err)
{
    const struct passwd *account;
    struct stat state;

    if (fstat(folder->fd, &state) != 0)
        return failed(err, folder->path, "it cannot be looked at");
    folder->uid = state.st_uid;
    folder->gid = state.st_gid;
    folder->as_owner = geteuid() == 0 && state.st_uid != 0;
    folder->is_shared = (state.st_uid != geteuid() && state.st_uid != 0) ||
        (state.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (!folder->as_owner)
        return true;
    account = getpwuid(state.st_uid);
    folder->owner_gid = account != NULL ? account->pw_gid : (gid_t)65534;
    if (setgroups(0, NULL) == 0 && folder_enter(folder)) {
        folder_leave(folder);
        return true;
    }
    return error_set(err,
        "%s: this folder belongs to user %ld, and what is done in it cannot be done with "
        "his rights alone: %s",
        folder->path, (long)folder->uid, error_reason(errno));
}

/* ---- the way to a folder ---- */

/* A walk along a path, folder by folder. */
struct walk {
    int fd;
    char done[PATH_MAX]; /* the path so far, without links */
    char left[2 * PATH_MAX];
    int links;
    bool has_foreign_link; /* a link of another user was followed */
    uid_t foreign_owner;
};

static bool walk_to(struct walk *walk, int fd, struct error *err)
{
    if (fd < 0)
        return failed(err, *walk->done != '\0' ? walk->done : "/", "it cannot be opened");
    if (walk->fd >= 0)
        (void)close(walk->fd);
    walk->fd = fd;
    return true;
}

static bool walk_begin(struct walk *walk, const char *path, struct error *err)
{
    if (*path == '/' || walk->fd < 0)
        walk->done[0] = '\0';
    if (*path != '/' && walk->fd < 0 && getcwd(walk->done, sizeof(walk->done)) == NULL)
        return failed(err, path, "the present folder is unknown");
    if (*path == '/' || walk->fd < 0)
        return walk_to(
            walk, open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC), err);
    return true;
}

/* Takes the next name of the rest. False: there is none, or it is no valid name. */
static bool take_name(struct walk *walk, char name[NAME_MAX + 1])
{
    size_t start = strspn(walk->left, "/"), len = strcspn(walk->left + start, "/");

    if (len == 0 || len > NAME_MAX)
        return false;
    memcpy(name, walk->left + start, len);
    name[len] = '\0';
    memmove(walk->left, walk->left + start + len, strlen(walk->left + start + len) + 1);
    return true;
}

/* Links of root and of our own user are followed, and those of one other user, who must
 * then own the folder at the end. */
static bool trust(struct walk *walk, uid_t owner, const char *where, struct error *err)
{
    if (owner == 0 || owner == geteuid() ||
        (walk->has_foreign_link && owner == walk->foreign_owner))
        return true;
    if (walk->has_foreign_link)
        return error_set(err, "%s: this link belongs to user %ld, and is not followed",
            where, (long)owner);
    walk->has_foreign_link = true;
    walk->foreign_owner = owner;
    return true;
}

static bool put_in_front(struct walk *walk, const char *text, struct error *err)
{
    char left[2 * PATH_MAX];

    snprintf(left, sizeof(left), "%s", walk->left);
    if (snprintf(walk->left, sizeof(walk->left), "%s/%s", text, left) >=
            (int)sizeof(walk->left) ||
        ++walk->links > LINKS_MAX)
        return error_set(err, "%s: there are too many symbolic links", walk->done);
    return true;
}

/* Replaces a link on the way by its text. */
static bool follow(
    struct walk *walk, const char *name, const struct stat *state, struct error *err)
{
    char text[PATH_MAX], where[PATH_MAX + NAME_MAX + 2];
    ssize_t len = readlinkat(walk->fd, name, text, sizeof(text) - 1);

    snprintf(where, sizeof(where), "%s/%s", walk->done, name);
    if (len < 0)
        return failed(err, where, "this link cannot be read");
    text[len] = '\0';
    if (!trust(walk, state->st_uid, where, err) || !put_in_front(walk, text, err))
        return false;
    if (*text != '/')
        return true;
    walk->done[0] = '\0';
    return walk_to(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), err);
}

static bool step(struct walk *walk, const char *name, struct error *err)
{
    char *slash = strrchr(walk->done, '/');
    size_t len = strlen(walk->done);
    struct stat state;

    if (strcmp(name, ".") == 0)
        return true;
    if (strcmp(name, "..") == 0) {
        if (slash != NULL)
            *slash = '\0';
    } else if (fstatat(walk->fd, name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(state.st_mode)) {
        return follow(walk, name, &state, err);
    } else if (len + strlen(name) + 2 <= sizeof(walk->done)) {
        snprintf(walk->done + len, sizeof(walk->done) - len, "/%s", name);
    } else {
        errno = ENAMETOOLONG;
        return failed(err, name, "it cannot be opened");
    }
    return walk_to(
        walk, openat(walk->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err);
}

static bool walk_on(struct walk *walk, const char *path, struct error *err)
{
    char name[NAME_MAX + 1];

    if (snprintf(walk->left, sizeof(walk->left), "%s", path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return failed(err, path, "it cannot be opened");
    }
    if (!walk_begin(walk, path, err))
        return false;
    while (take_name(walk, name)) {
        if (!step(walk, name, err))
            return false;
    }
    if (walk->left[strspn(walk->left, "/")] == '\0')
        return true;
    errno = ENAMETOOLONG;
    return failed(err, path, "it cannot be opened");
}

/* Fills in the folder that was reached. */
static bool arrive(const struct walk *walk, struct folder *folder, struct error *err)
{
    folder->path = memory_text(*walk->done != '\0' ? walk->done : "/");
    folder->fd = openat(walk->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->fd < 0)
        return failed(err, folder->path, "it cannot be opened");
    if (!set_owner(folder, err))
        return false;
    if (walk->has_foreign_link && walk->foreign_owner != folder->uid)
        return error_set(err,
            "%s: a symbolic link that belongs to user %ld leads here, and is not "
            "followed; name this folder itself, or have the link made by root",
            folder->path, (long)walk->foreign_owner);
    return true;
}

bool folder_open(struct folder *folder, const char *path, struct error *err)
{
    struct walk walk = {.fd = -1};
    bool good;

    *folder = (struct folder){.fd = -1};
    good = walk_on(&walk, path, err) && arrive(&walk, folder, err);
    if (walk.fd >= 0)
        (void)close(walk.fd);
    return good;
}

bool folder_read_link(
    const struct folder *folder, const char *name, char **text, struct error *err)
{
    char found[PATH_MAX];
    ssize_t len = -1;

    *text = NULL;
    if (folder_enter(folder))
        len = readlinkat(folder->fd, name, found, sizeof(found) - 1);
    folder_leave(folder);
    if (len < 0)
        return errno == EINVAL || errno == ENOENT || errno == ENOTDIR ||
            error_set(err, "%s/%s: whether it is a link cannot be seen: %s", folder->path,
                name, error_reason(errno));
    found[len] = '\0';
    *text = memory_text(found);
    return true;
}

/* The parameters have the order in which a walk needs them. */
static bool next_link(struct walk *walk, const char *name, const struct link_rule *rule,
    char **text, struct error *err)
{
    struct folder here = {.fd = walk->fd, .path = walk->done};
    char where[PATH_MAX + NAME_MAX + 2];
    struct stat state;

    if (!folder_read_link(&here, name, text, err))
        return false;
    if (*text != NULL && rule != NULL && rule->stays(rule->context, &here, name, *text)) {
        free(*text);
        *text = NULL;
    }
    if (*text == NULL)
        return true;
    snprintf(where, sizeof(where), "%s/%s", walk->done, name);
    return fstatat(walk->fd, name, &state, AT_SYMLINK_NOFOLLOW) == 0 &&
        trust(walk, state.st_uid, where, err);
}

bool folder_of_file(struct folder *folder, const char *path, const struct link_rule *rule,
    char **name, struct error *err)
{
    struct walk walk = {.fd = -1};
    char *target = memory_text(path), *text = NULL;
    bool good = true;

    *folder = (struct folder){.fd = -1};
    *name = NULL;
    for (int links = 0; good; links++) {
        char *parent = folder_of_path(target);

        good = walk_on(&walk, parent, err);
        if (!good)
            error_context(err, "%s: its folder", path);
        free(parent);
        free(*name);
        *name = memory_text(name_of_path(target));
        good = good && next_link(&walk, *name, rule, &text, err);
        if (!good || text == NULL)
            break;
        free(target);
        target = text;
        text = NULL;
        if (links == LINKS_MAX)
            good = error_set(err, "%s: there are too many symbolic links", path);
    }
    free(text);
    free(target);
    good = good && arrive(&walk, folder, err);
    if (walk.fd >= 0)
        (void)close(walk.fd);
    if (!good) {
        free(*name);
        *name = NULL;
    }
    return good;
}

bool folder_open_in(struct folder *folder, const struct folder *parent, const char *name,
    struct error *err)
{
    *folder = (struct folder){.fd = -1};
    folder->path = path_join(parent->path, "/", name);
    if (folder_enter(parent))
        folder->fd =
            openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    folder_leave(parent);
    if (folder->fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return error_set(err,
            "%s: this is not a folder, but a link or a file; look who made it, and move "
            "it away",
            folder->path);
    if (folder->fd < 0)
        return failed(err, folder->path, "it cannot be opened");
    return set_owner(folder, err);
}

void folder_close(struct folder *folder)
{
    if (folder->fd >= 0)
        (void)close(folder->fd);
    free(folder->path);
    *folder = (struct folder){.fd = -1};
}

bool folder_is_at(const struct folder *folder, const char *path)
{
    struct stat held, found;

    return fstat(folder->fd, &held) == 0 && stat(path, &found) == 0 &&
        held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}
