#include "proxy/net/deadline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

void deadline_init(struct deadline *d, void (*expired)(struct deadline *d))
{
    list_init(&d->link);
    d->due = 0;
    d->expired = expired;
}

/* Returns the index of the first queue that is not shorter; the array is sorted by
 * length. */
static unsigned position(const struct deadlines *all, uint64_t length)
{
    unsigned low = 0, high = all->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (all->queues[middle]->length < length)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Lengths change with reloads. When the array is full, unused ones are dropped. */
static void drop_unused(struct deadlines *all)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < all->count; i++) {
        if (list_empty(&all->queues[i]->armed))
            free(all->queues[i]);
        else
            all->queues[kept++] = all->queues[i];
    }
    all->count = kept;
}

static struct deadline_queue *insert_queue(
    struct deadlines *all, unsigned at, uint64_t length)
{
    struct deadline_queue *queue = memory_raw(sizeof(*queue));

    list_init(&queue->armed);
    queue->length = length;
    queue->expired = 0;
    memmove(&all->queues[at + 1], &all->queues[at],
        (all->count - at) * sizeof(all->queues[0]));
    all->queues[at] = queue;
    all->count++;
    return queue;
}

static struct deadline_queue *find_queue(struct deadlines *all, uint64_t length)
{
    unsigned at = position(all, length);

    if (at < all->count && all->queues[at]->length == length)
        return all->queues[at];
    if (all->count == DEADLINE_QUEUES_MAX) {
        drop_unused(all);
        at = position(all, length);
    }
    if (all->count == DEADLINE_QUEUES_MAX)
        return all->queues[at > 0 ? at - 1 : 0];
    return insert_queue(all, at, length);
}

static struct deadline *oldest(const struct deadline_queue *queue)
{
    return container_of(queue->armed.next, struct deadline, link);
}

static struct deadline *newest(const struct deadline_queue *queue)
{
    return container_of(queue->armed.prev, struct deadline, link);
}

void deadlines_arm(
    struct deadlines *all, struct deadline *d, uint64_t length, uint64_t now)
{
    struct deadline_queue *queue = find_queue(all, length);
    struct list *before = &queue->armed;

    list_remove(&d->link);
    /* It is never due at once: a deadline that re-arms itself would keep
     * deadlines_expire() busy. */
    d->due = now + (length > 0 ? length : 1);
    if (d->due < all->soonest)
        all->soonest = d->due;
    if (!list_empty(&queue->armed) && newest(queue)->due > d->due) {
        /* A queue may hold several lengths: find the place from the end. */
        while (before->prev != &queue->armed &&
            container_of(before->prev, struct deadline, link)->due > d->due)
            before = before->prev;
    }
    list_append(before, &d->link);
}

void deadline_disarm(struct deadline *d)
{
    list_remove(&d->link);
}

bool deadline_is_armed(const struct deadline *d)
{
    return !list_empty(&d->link);
}

/* The earliest deadline of all queues, or of those that have not had their share of this
 * iteration. */
static struct deadline_queue *earliest(const struct deadlines *all, bool with_share)
{
    struct deadline_queue *first = NULL;

    for (unsigned i = 0; i < all->count; i++) {
        struct deadline_queue *queue = all->queues[i];

        if (list_empty(&queue->armed) ||
            (with_share && queue->expired == DEADLINES_AT_ONCE))
            continue;
        if (first == NULL || oldest(queue)->due < oldest(first)->due)
            first = queue;
    }
    return first;
}

static uint64_t time_to_go(const struct deadlines *all, uint64_t now)
{
    const struct deadline_queue *first = earliest(all, false);

    if (first == NULL)
        return UINT64_MAX;
    return oldest(first)->due > now ? oldest(first)->due - now : 1;
}

uint64_t deadlines_expire(struct deadlines *all, uint64_t now)
{
    struct deadline_queue *queue;
    uint64_t wait;

    for (unsigned i = 0; i < all->count; i++)
        all->queues[i]->expired = 0;
    /* The queue is looked up anew each time: expired() may arm and disarm any
     * deadline. */
    while ((queue = earliest(all, true)) != NULL && oldest(queue)->due <= now) {
        struct deadline *d = oldest(queue);

        queue->expired++;
        list_remove(&d->link);
        d->expired(d);
    }
    wait = time_to_go(all, now);
    all->soonest = wait == UINT64_MAX ? UINT64_MAX : now + wait;
    return wait;
}

void deadlines_destroy(struct deadlines *all)
{
    for (unsigned i = 0; i < all->count; i++)
        free(all->queues[i]);
    all->count = 0;
}
