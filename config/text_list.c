#include "config/text_list.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

void text_list_add(struct text_list *list, const char *text)
{
    char **items = memory_resize(list->items, list->count + 1, sizeof(*items));

    items[list->count++] = memory_text(text);
    list->items = items;
}

void text_list_copy(struct text_list *to, const struct text_list *from)
{
    *to = (struct text_list){0};
    for (size_t i = 0; i < from->count; i++)
        text_list_add(to, from->items[i]);
}

void text_list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

bool text_list_has(const struct text_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0)
            return true;
    }
    return false;
}

bool text_list_equal(const struct text_list *a, const struct text_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}
