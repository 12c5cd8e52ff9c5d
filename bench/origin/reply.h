/*
 * reply.h - one reply of the stand-in backend as a sequence of pieces to write.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_REPLY_H
#define WLBPROXY_BENCH_ORIGIN_REPLY_H

#include <sys/uio.h>

#include "bench/origin/plan.h"

enum { FRAME_MAX = 512, PIECE_IOVS = 16 };

struct reply {
    struct plan plan;
    struct slice text; /* of the body; none: generated */
    char *owned; /* text to free */
    uint64_t size, sent;
    bool head_made, ended, keep_alive;
    char frame[FRAME_MAX];
    struct iovec piece[PIECE_IOVS]; /* the bytes to write next */
    int piece_count;
};

/* `text` NULL: a generated body of plan->size bytes. Takes over `owned`. */
void reply_start(
    struct reply *reply, const struct plan *plan, struct slice text, char *owned);

/* Makes the next piece. False when there is none: the reply is whole, or cut. */
bool reply_next(struct reply *reply);

/* `written` bytes of the piece have been sent; true when all of it has. */
bool reply_advance(struct reply *reply, size_t written);

bool reply_is_cut(const struct reply *reply);
void reply_end(struct reply *reply);

#endif
