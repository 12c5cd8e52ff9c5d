/*
 * text_list.h - strings owned by struct text_list (settings.h).
 */
#ifndef WLBPROXY_CONFIG_TEXT_LIST_H
#define WLBPROXY_CONFIG_TEXT_LIST_H

#include <stdbool.h>

#include "config/settings.h"

void text_list_add(struct text_list *list, const char *text); /* copies */
void text_list_copy(struct text_list *to, const struct text_list *from);
void text_list_clear(struct text_list *list);
bool text_list_has(const struct text_list *list, const char *text);
bool text_list_equal(const struct text_list *a, const struct text_list *b); /* in order */

#endif
