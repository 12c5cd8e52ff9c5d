/*
 * free_list.h - a bounded list of objects for reuse, linked by a struct list inside them.
 */
#ifndef WLBPROXY_SESSION_FREE_LIST_H
#define WLBPROXY_SESSION_FREE_LIST_H

#include <stdbool.h>

#include "proxy/base/list.h"

enum { FREE_LIST_MAX = 64 };

struct free_list {
    struct list list;
    unsigned count;
};

static inline void free_list_init(struct free_list *free_list)
{
    list_init(&free_list->list);
    free_list->count = 0;
}

/* The oldest one, or NULL. */
static inline struct list *free_list_take(struct free_list *free_list)
{
    struct list *node = list_take(&free_list->list);

    if (node != NULL)
        free_list->count--;
    return node;
}

/* False: there are enough of them, free it. */
static inline bool free_list_keep(struct free_list *free_list, struct list *node)
{
    if (free_list->count >= FREE_LIST_MAX)
        return false;
    free_list->count++;
    list_append(&free_list->list, node);
    return true;
}

#endif
