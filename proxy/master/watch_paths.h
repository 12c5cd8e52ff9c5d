/*
 * watch_paths.h - what a path depends on, watched by inotify.
 *
 * A file can be replaced by a rename of its own, of a folder on the way, or of a symbolic
 * link anywhere on the way. Each of these is a name in a folder: those names are watched,
 * and nothing else that happens in these folders counts.
 */
#ifndef WLBPROXY_MASTER_WATCH_PATHS_H
#define WLBPROXY_MASTER_WATCH_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct watch_name {
    int folder; /* inotify's number of it */
    char *name;
};

struct watch_paths {
    int fd; /* inotify, non-blocking: the owner's */
    struct watch_name *names;
    size_t count;
};

/* What this path depends on as it leads now, too. False: errno, for the folder that the
 * file is in cannot be watched. */
bool watch_paths_add(struct watch_paths *paths, const char *path);

/* `old`, of the same fd, is given up; what both have goes on without a gap. */
void watch_paths_replace(struct watch_paths *old, const struct watch_paths *fresh);

void watch_paths_forget(struct watch_paths *paths);

/* Takes what has happened; was it to one of the names? */
bool watch_paths_changed(const struct watch_paths *paths);

#endif
