/*
 * file_poll.h - looks at files every few seconds where the kernel does not report
 * changes: on network file systems another machine makes them (inotify(7),
 * "Limitations"), and inotify itself may be used up. A thread looks, because it waits for
 * a server that has gone.
 */
#ifndef WLBPROXY_MASTER_FILE_POLL_H
#define WLBPROXY_MASTER_FILE_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "config/settings.h"

struct file_look;
struct task_queue;

struct file_poll {
    uv_timer_t timer;
    struct task_queue *tasks;
    struct file_look *look; /* under way; NULL: none */
    struct text_list files;
    bool all; /* also poll files whose file system reports changes */
    bool is_quiet; /* polling is not logged: it is how it works, not a remedy */
    bool told; /* polling has been logged */
    bool seen_any;
    uint64_t seen; /* digest of the last look */
    void (*changed)(void *owner);
    void *owner;
};

void file_poll_init(struct file_poll *poll, uv_loop_t *loop, struct task_queue *tasks,
    void (*changed)(void *owner), void *owner);

/* Polls these from now on; takes the list over. */
void file_poll_update(struct file_poll *poll, struct text_list *files, bool all);
void file_poll_stop(struct file_poll *poll);

/* Pure. Names the file system if inotify may miss its changes, by its statfs(2) magic;
 * NULL: it reports all. */
const char *file_poll_kind(long magic);

#endif
