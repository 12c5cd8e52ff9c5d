/*
 * reply.h - reads one reply of a server: its status, which must be 200, and its body, of
 * which only the length counts.
 */
#ifndef WLBPROXY_BENCH_LOAD_REPLY_H
#define WLBPROXY_BENCH_LOAD_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_HEAD_MAX = 2048 };

struct reply {
    bool has_head, is_whole;
    size_t head_len;
    uint64_t body_len; /* UINT64_MAX: to the end of the connection */
    uint64_t body_got;
    char head[REPLY_HEAD_MAX];
};

void reply_start(struct reply *reply);

/* Returns NULL, or the fault of the reply. */
const char *reply_take(struct reply *reply, const char *data, size_t len);

/* True for a body that only the connection's end ends. */
bool reply_awaits_end(const struct reply *reply);

#endif
