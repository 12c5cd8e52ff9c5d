/*
 * task_queue.h - runs work that may block on files or a resolver, in order, one piece at
 * a time, each on a thread of its own.
 *
 * It needs no descriptor, and no system call but for a new thread. If the kernel cannot
 * make one, the caller does the work, and waits.
 */
#ifndef WLBPROXY_MASTER_TASK_QUEUE_H
#define WLBPROXY_MASTER_TASK_QUEUE_H

#include <stdbool.h>

#include <pthread.h>
#include <uv.h>

#include "proxy/base/list.h"

/* Embedded in its owner, who keeps it until done(); done() may free it. */
struct work {
    void (*run)(struct work *work); /* on the thread */
    void (*done)(struct work *work); /* on the loop */
    struct list link;
};

struct task_queue {
    uv_timer_t look; /* polls for the end of the thread, while there is one */
    struct list queue; /* the first is under way */
    pthread_t thread;
    bool threaded;
};

void task_queue_init(struct task_queue *q, uv_loop_t *loop);
void task_queue_add(struct task_queue *q, struct work *work);

/* Calls done() for all, also for those never begun. False if the one under way does not
 * end soon: then done() is called for none, and nothing of it may be freed. */
bool task_queue_end(struct task_queue *q);

#endif
