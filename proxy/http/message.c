#include "proxy/http/message.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/memory.h"

enum { POOL_MAX = 64 };

/* A worker has one thread. */
static struct {
    struct message *first;
    unsigned count;
} pool;

static bool pool_has_room(void)
{
#ifdef WLB_SANITIZE
    return false; /* any use after the release fails */
#else
    return pool.count < POOL_MAX;
#endif
}

static struct message *take_pooled(void)
{
    struct message *message = pool.first;

    if (message != NULL) {
        pool.first = message->next;
        pool.count--;
    }
    return message;
}

struct message *message_acquire(void)
{
    struct message *message = take_pooled();

    if (message == NULL)
        message = memory_raw(sizeof(*message));
    message->next = NULL;
    message->text = message->inline_text;
    message->len = 0;
    message->capacity = MESSAGE_INLINE;
    message->head.field_count = 0;
    return message;
}

static void drop_text(struct message *message)
{
    explicit_bzero(message->text, message->len); /* it may hold Authorization */
    if (message->text != message->inline_text)
        free(message->text);
}

void message_release(struct message *message)
{
    if (message == NULL)
        return;
    drop_text(message);
    if (pool_has_room()) {
        message->next = pool.first;
        pool.first = message;
        pool.count++;
    } else {
        free(message);
    }
}

static void grow(struct message *message, size_t needed)
{
    size_t capacity = message->capacity;

    while (capacity < needed)
        capacity *= 2;
    char *text = memory_raw(capacity);
    memcpy(text, message->text, message->len);
    drop_text(message);
    message->text = text;
    message->capacity = capacity;
}

void message_append(struct message *message, const char *bytes, size_t len)
{
    if (len == 0)
        return; /* bytes may be NULL, which memcpy() must not see */
    if (message->len + len > message->capacity)
        grow(message, message->len + len);
    memcpy(message->text + message->len, bytes, len);
    message->len += len;
}
