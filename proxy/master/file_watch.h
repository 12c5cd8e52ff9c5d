/*
 * file_watch.h - `watch = on`: reloads by itself when the certificate or key files
 * change.
 *
 * The names are watched, not the files: a file that is replaced has another inode.
 * Where the kernel does not tell of changes, the files are polled (file_poll.h). After a
 * moment of quiet the disk is looked at; only a pair that is consistent, and
 * other than what is served, makes a reload: the steps of a rotation in between make
 * none.
 */
#ifndef WLBPROXY_MASTER_FILE_WATCH_H
#define WLBPROXY_MASTER_FILE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "proxy/master/file_poll.h"
#include "proxy/master/watch_paths.h"

struct disk_look;
struct plan;
struct reload;

struct file_watch {
    struct reload *reload; /* that is asked to reload, and whose plan is watched */
    uv_poll_t inotify;
    uv_timer_t quiet;
    struct watch_paths paths; /* its fd -1: off */
    bool unwatched; /* a folder cannot be watched; told once a generation */
    struct file_poll poll; /* the files that inotify does not tell all about */
    struct disk_look *look;
    bool again;
};

void file_watch_init(struct file_watch *watch, struct reload *reload);

/* Watches what this plan's settings name; or nothing if they do not want it. */
void file_watch_update(struct file_watch *watch, const struct plan *plan);
void file_watch_stop(struct file_watch *watch);

#endif
