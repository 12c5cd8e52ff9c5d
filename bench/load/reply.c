#include "bench/load/reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char wanted[] = "HTTP/1.1 200 ";

void reply_start(struct reply *reply)
{
    reply->has_head = reply->is_whole = false;
    reply->head_len = 0;
    reply->body_len = UINT64_MAX;
    reply->body_got = 0;
}

static const char *take_head(struct reply *reply, const char *data, size_t len)
{
    size_t room = REPLY_HEAD_MAX - 1 - reply->head_len;
    size_t take = len < room ? len : room;
    size_t before = reply->head_len;
    const char *end, *field;

    memcpy(reply->head + before, data, take);
    reply->head_len += take;
    reply->head[reply->head_len] = '\0';
    if (reply->head_len >= sizeof(wanted) - 1 &&
        strncmp(reply->head, wanted, sizeof(wanted) - 1) != 0)
        return "the status is not 200";
    end = strstr(reply->head, "\r\n\r\n");
    if (end == NULL)
        return reply->head_len == REPLY_HEAD_MAX - 1 ? "no head" : NULL;
    field = strcasestr(reply->head, "\r\ncontent-length:");
    if (field != NULL)
        reply->body_len = strtoull(field + 17, NULL, 10);
    reply->has_head = true;
    reply->body_got = len - ((size_t)(end + 4 - reply->head) - before);
    return NULL;
}

const char *reply_take(struct reply *reply, const char *data, size_t len)
{
    const char *fault = NULL;

    if (reply->has_head)
        reply->body_got += len;
    else
        fault = take_head(reply, data, len);
    reply->is_whole = reply->has_head && reply->body_got >= reply->body_len;
    return fault;
}

bool reply_awaits_end(const struct reply *reply)
{
    return reply->has_head && reply->body_len == UINT64_MAX;
}
