#include "proxy/master/task_queue.h"

#include <errno.h>
#include <time.h>

enum { LOOK_MS = 2, END_TIMEOUT = 1 /* s */ };

static struct work *first(struct task_queue *q)
{
    return container_of(q->queue.next, struct work, link);
}

static void *on_thread(void *work)
{
    ((struct work *)work)->run(work);
    return NULL;
}

static void on_look(uv_timer_t *timer);

static void begin(struct task_queue *q)
{
    struct work *work = first(q);

    q->threaded = pthread_create(&q->thread, NULL, on_thread, work) == 0;
    if (!q->threaded)
        work->run(work);
    uv_timer_start(&q->look, on_look, LOOK_MS, LOOK_MS);
}

static void on_look(uv_timer_t *timer)
{
    struct task_queue *q = timer->data;
    struct work *work = first(q);

    if (q->threaded && pthread_tryjoin_np(q->thread, NULL) == EBUSY)
        return;
    uv_timer_stop(&q->look);
    list_remove(&work->link);
    if (!list_empty(&q->queue))
        begin(q);
    work->done(work);
}

void task_queue_init(struct task_queue *q, uv_loop_t *loop)
{
    list_init(&q->queue);
    uv_timer_init(loop, &q->look);
    q->look.data = q;
}

void task_queue_add(struct task_queue *q, struct work *work)
{
    bool idle = list_empty(&q->queue);

    list_append(&q->queue, &work->link);
    if (idle)
        begin(q);
}

/* Nothing can end a wait for a resolver or a disk. */
static bool thread_ends(const struct task_queue *q)
{
    struct timespec due;

    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += END_TIMEOUT;
    return pthread_clockjoin_np(q->thread, NULL, CLOCK_MONOTONIC, &due) == 0;
}

bool task_queue_end(struct task_queue *q)
{
    struct list *node;

    if (!list_empty(&q->queue) && q->threaded && !thread_ends(q))
        return false;
    while ((node = list_take(&q->queue)) != NULL) {
        struct work *work = container_of(node, struct work, link);

        work->done(work);
    }
    return true;
}
