/*
 * watch_paths.h - watches by inotify everything a path depends on.
 *
 * A file can be replaced by a rename of its own, of a folder on the way, or of a symbolic
 * link anywhere on the way. Each of these is a name in a folder: those names are watched,
 * and other events in these folders are ignored.
 */
#ifndef WLBPROXY_MASTER_WATCH_PATHS_H
#define WLBPROXY_MASTER_WATCH_PATHS_H

#include <stdbool.h>
#include <stddef.h>

struct watch_name {
    int folder; /* inotify's number for it */
    char *name;
};

struct watch_paths {
    int fd; /* inotify, non-blocking; owned by the caller */
    struct watch_name *names;
    size_t count;
};

/* Adds what this path depends on at present. False and errno: the folder of the file
 * cannot be watched. */
bool watch_paths_add(struct watch_paths *paths, const char *path);

/* Drops `old`, of the same fd; names that both have are watched without a gap. */
void watch_paths_replace(struct watch_paths *old, const struct watch_paths *fresh);

void watch_paths_forget(struct watch_paths *paths);

/* Reads the events; returns whether one concerns a watched name. */
bool watch_paths_changed(const struct watch_paths *paths);

#endif
