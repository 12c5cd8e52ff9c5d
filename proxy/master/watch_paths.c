#include "proxy/master/watch_paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "proxy/base/memory.h"

enum { LINKS_MAX = 40 };
enum {
    CHANGES = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
        IN_ATTRIB | IN_ONLYDIR
};

static bool has(const struct watch_paths *paths, int folder, const char *name)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (paths->names[i].folder == folder &&
            (name == NULL || strcmp(paths->names[i].name, name) == 0))
            return true;
    }
    return false;
}

static bool add_name(struct watch_paths *paths, const char *folder, const char *name)
{
    int number = inotify_add_watch(paths->fd, folder, CHANGES);

    if (number < 0 || has(paths, number, name))
        return number >= 0;
    paths->names = memory_resize(paths->names, paths->count + 1, sizeof(*paths->names));
    paths->names[paths->count++] = (struct watch_name){number, memory_text(name)};
    return true;
}

/* Follows a path as the kernel does. */
struct walk {
    char done[PATH_MAX]; /* the folder reached */
    char left[2 * PATH_MAX];
    int links;
};

static void begin_walk(struct walk *walk, const char *path)
{
    snprintf(walk->done, sizeof(walk->done), "%s", *path == '/' ? "/" : ".");
    snprintf(walk->left, sizeof(walk->left), "%s", path);
    walk->links = 0;
}

/* Takes the next name of the rest; false: there is none. */
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

/* False: the path is too long. */
static bool step(struct walk *walk, const char *name)
{
    char path[PATH_MAX], target[PATH_MAX], rest[2 * PATH_MAX];
    const char *slash = strcmp(walk->done, "/") == 0 ? "" : "/";
    ssize_t len;

    if (snprintf(path, sizeof(path), "%s%s%s", walk->done, slash, name) >= PATH_MAX)
        return false;
    len = readlink(path, target, sizeof(target) - 1);
    if (len < 0) {
        strcpy(walk->done, path);
        return true;
    }
    target[len] = '\0';
    if (++walk->links > LINKS_MAX ||
        snprintf(rest, sizeof(rest), "%s/%s", target, walk->left) >= (int)sizeof(rest))
        return false;
    strcpy(walk->left, rest);
    if (*target == '/')
        strcpy(walk->done, "/");
    return true;
}

/* Folders on the way may be unreadable, or missing: their changes are then not seen. The
 * last folder matters. */
bool watch_paths_add(struct watch_paths *paths, const char *path)
{
    char name[NAME_MAX + 1];
    struct walk walk;
    bool watched = false;
    int error = ENOENT;

    begin_walk(&walk, path);
    while (take_name(&walk, name)) {
        watched = add_name(paths, walk.done, name);
        if (!watched)
            error = errno;
        if (!step(&walk, name))
            break;
    }
    errno = error;
    return watched;
}

void watch_paths_forget(struct watch_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->names[i].name);
    free(paths->names);
    paths->names = NULL;
    paths->count = 0;
}

void watch_paths_replace(struct watch_paths *old, const struct watch_paths *fresh)
{
    for (size_t i = 0; i < old->count; i++) {
        if (!has(fresh, old->names[i].folder, NULL))
            (void)inotify_rm_watch(old->fd, old->names[i].folder);
    }
    watch_paths_forget(old);
    *old = *fresh;
}

/* Events without a name concern the folder itself, or say that events were lost. */
static bool counts(const struct watch_paths *paths, const struct inotify_event *event)
{
    if ((event->mask & IN_IGNORED) != 0)
        return false;
    return (event->mask & IN_Q_OVERFLOW) != 0 ||
        (event->len > 0 && has(paths, event->wd, event->name));
}

bool watch_paths_changed(const struct watch_paths *paths)
{
    union {
        char bytes[8192];
        struct inotify_event aligned;
    } some;
    bool changed = false;
    ssize_t len;

    while ((len = read(paths->fd, some.bytes, sizeof(some.bytes))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(some.bytes + at);

            changed = changed || counts(paths, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    return changed;
}
