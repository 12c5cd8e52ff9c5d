#include "proxy/master/task_queue.h"

#include <errno.h>
#include <time.h>

enum { LOOK_MS = 2, END_TIMEOUT = 1 /* s */ };

static struct work *first(struct task_queue *shop)
{
    return container_of(shop->queue.next, struct work, link);
}

static void *on_thread(void *work)
{
    ((struct work *)work)->run(work);
    return NULL;
}

static void on_look(uv_timer_t *timer);

static void begin(struct task_queue *shop)
{
    struct work *work = first(shop);

    shop->threaded = pthread_create(&shop->thread, NULL, on_thread, work) == 0;
    if (!shop->threaded)
        work->run(work);
    uv_timer_start(&shop->look, on_look, LOOK_MS, LOOK_MS);
}

static void on_look(uv_timer_t *timer)
{
    struct task_queue *shop = timer->data;
    struct work *work = first(shop);

    if (shop->threaded && pthread_tryjoin_np(shop->thread, NULL) == EBUSY)
        return;
    uv_timer_stop(&shop->look);
    list_remove(&work->link);
    if (!list_empty(&shop->queue))
        begin(shop);
    work->done(work);
}

void task_queue_init(struct task_queue *shop, uv_loop_t *loop)
{
    list_init(&shop->queue);
    uv_timer_init(loop, &shop->look);
    shop->look.data = shop;
}

void task_queue_add(struct task_queue *shop, struct work *work)
{
    bool idle = list_empty(&shop->queue);

    list_append(&shop->queue, &work->link);
    if (idle)
        begin(shop);
}

/* Nothing can end a wait for a resolver or a disk. */
static bool thread_ends(const struct task_queue *shop)
{
    struct timespec due;

    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += END_TIMEOUT;
    return pthread_clockjoin_np(shop->thread, NULL, CLOCK_MONOTONIC, &due) == 0;
}

bool task_queue_end(struct task_queue *shop)
{
    struct list *node;

    if (!list_empty(&shop->queue) && shop->threaded && !thread_ends(shop))
        return false;
    while ((node = list_take(&shop->queue)) != NULL) {
        struct work *work = container_of(node, struct work, link);

        work->done(work);
    }
    return true;
}
