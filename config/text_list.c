#include "config/text_list.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

void text_list_add(struct text_list *list, const char *text)
{
    const size_t count = list->count + 1;

    list->items = memory_resize(list->items, count, sizeof(*list->items));
    list->lines = memory_resize(list->lines, count, sizeof(*list->lines));
    list->items[list->count] = memory_text(text);
    list->lines[list->count] = 0;
    list->count = count;
}

void text_list_copy(struct text_list *to, const struct text_list *from)
{
    *to = (struct text_list){0};
    for (size_t i = 0; i < from->count; i++) {
        text_list_add(to, from->items[i]);
        to->lines[i] = from->lines[i];
    }
}

void text_list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    free(list->lines);
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
