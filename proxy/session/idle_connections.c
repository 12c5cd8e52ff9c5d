#include "proxy/session/idle_connections.h"

#include <assert.h>

void idle_connections_init(struct idle_connections *idle)
{
    list_init(&idle->list);
    idle->count = 0;
    idle->retired = false;
}

void idle_connections_destroy(struct idle_connections *idle)
{
    assert(idle->count == 0);
}

void idle_connections_put(struct idle_connections *idle, struct list *link)
{
    assert(!idle->retired);
    list_append(&idle->list, link);
    idle->count++;
}

void idle_connections_remove(struct idle_connections *idle, struct list *link)
{
    assert(!list_empty(link) && idle->count > 0);
    list_remove(link);
    idle->count--;
}
