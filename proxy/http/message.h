/*
 * message.h - the memory of one head: text and fields. It is taken from a pool while a
 * message is under way, so that an idle connection has none.
 */
#ifndef WLBPROXY_HTTP_MESSAGE_H
#define WLBPROXY_HTTP_MESSAGE_H

#include "proxy/http/head.h"

enum { MESSAGE_INLINE = 3 * 1024 };

struct message {
    struct message *next; /* in the pool */
    struct head head;
    char *text; /* inline_text, or allocated when the text outgrew that */
    size_t len, capacity;
    char inline_text[MESSAGE_INLINE];
};

struct message *message_acquire(void);
void message_release(struct message *message); /* NULL is fine; the text is wiped */

void message_append(struct message *message, const char *bytes, size_t len);

#endif
