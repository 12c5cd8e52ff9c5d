/*
 * file_poll.h - files looked at every few seconds, where the kernel does not tell of
 * changes: on network file systems another machine makes them (inotify(7),
 * "Limitations"), and inotify itself may be used up. The looks are made on a thread: a
 * server that is gone makes them wait.
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
    bool all; /* poll those too whose file system tells of changes */
    bool told; /* that there is something to poll */
    bool seen_any;
    uint64_t seen; /* digest of what the last look saw */
    void (*changed)(void *owner);
    void *owner;
};

void file_poll_init(struct file_poll *poll, uv_loop_t *loop, struct task_queue *tasks,
    void (*changed)(void *owner), void *owner);

/* These from now on; takes the list over. */
void file_poll_update(struct file_poll *poll, struct text_list *files, bool all);
void file_poll_stop(struct file_poll *poll);

/* Pure. What a file system is called whose changes inotify may not tell, by its statfs(2)
 * magic; NULL: it tells all. */
const char *file_poll_kind(long magic);

#endif
