/*
 * file_watch.h - `watch = on`: reloads when the certificate or key files change.
 *
 * Names are watched, not files, because a file that is replaced has another inode. Where
 * the kernel does not report changes, the files are polled (file_poll.h). After a moment
 * of quiet the disk is looked at. Only a consistent pair that differs from the served one
 * makes a reload: the intermediate steps of a rotation make none.
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
    struct reload *reload; /* it is asked to reload, and its plan is watched */
    uv_poll_t inotify;
    uv_timer_t quiet;
    struct watch_paths paths; /* its fd -1: off */
    bool unwatched; /* a folder cannot be watched; logged once a generation */
    struct file_poll poll; /* the files for which inotify does not report all changes */
    struct disk_look *look;
    bool again;
};

void file_watch_init(struct file_watch *watch, struct reload *reload);

/* Watches the files that this plan's settings name, or none without `watch = on`. */
void file_watch_update(struct file_watch *watch, const struct plan *plan);
void file_watch_stop(struct file_watch *watch);

#endif
