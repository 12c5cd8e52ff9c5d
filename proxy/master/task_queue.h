/*
 * task_queue.h - work that may wait for files or a resolver, one piece at a time, each on
 * a thread of its own, in the order in which it came.
 *
 * Needs no descriptor, and no system call but for a new thread: where the kernel has none
 * to give, the work is done by the caller, who then waits with it.
 */
#ifndef WLBPROXY_MASTER_TASK_QUEUE_H
#define WLBPROXY_MASTER_TASK_QUEUE_H

#include <stdbool.h>

#include <pthread.h>
#include <uv.h>

#include "proxy/base/list.h"

/* Embedded in its owner, who keeps it until done(); which may free it. */
struct work {
    void (*run)(struct work *work); /* on the thread */
    void (*done)(struct work *work); /* on the loop */
    struct list link;
};

struct task_queue {
    uv_timer_t look; /* whether the thread is through, while there is one */
    struct list queue; /* the first is under way */
    pthread_t thread;
    bool threaded;
};

void task_queue_init(struct task_queue *shop, uv_loop_t *loop);
void task_queue_add(struct task_queue *shop, struct work *work);

/* done() of all, those never begun, too. False if the one under way does not come to an
 * end soon: none is done then, and nothing of it may be freed. */
bool task_queue_end(struct task_queue *shop);

#endif
