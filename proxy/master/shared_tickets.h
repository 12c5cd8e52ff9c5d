/*
 * shared_tickets.h - the file of `ticket_keys`, watched whether or not `watch` is on, for
 * another node may have made it: it is looked at every few seconds, and read on a thread
 * when it has changed.
 */
#ifndef WLBPROXY_MASTER_SHARED_TICKETS_H
#define WLBPROXY_MASTER_SHARED_TICKETS_H

#include <stdbool.h>

#include <uv.h>

#include "proxy/master/file_poll.h"

struct error;
struct shared_look;
struct task_queue;
struct ticket_file;

struct shared_tickets {
    char *path; /* owned; NULL: none is watched */
    struct task_queue *tasks;
    struct file_poll poll;
    struct shared_look *look; /* under way; NULL: none */
    bool again; /* it has changed since that look began */
    /* file NULL: err says why, with path and line. */
    void (*seen)(void *owner, const struct ticket_file *file, const struct error *err);
    void *owner;
};

void shared_tickets_init(struct shared_tickets *shared, uv_loop_t *loop,
    struct task_queue *tasks,
    void (*seen)(void *owner, const struct ticket_file *file, const struct error *err),
    void *owner);

/* Reads it now, and whenever it changes. "": none any more. */
void shared_tickets_follow(struct shared_tickets *shared, const char *path);
/* Reads it again. */
void shared_tickets_look(struct shared_tickets *shared);
void shared_tickets_stop(struct shared_tickets *shared);

#endif
