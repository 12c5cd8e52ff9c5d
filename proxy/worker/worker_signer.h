/*
 * worker_signer.h - a worker's channel to the signer: what waits for a signature leaves
 * once a turn of the loop, what is answered goes on.
 *
 * When the signer is gone, what it has not answered waits for the next one.
 */
#ifndef WLBPROXY_WORKER_WORKER_SIGNER_H
#define WLBPROXY_WORKER_WORKER_SIGNER_H

#include <stdbool.h>

#include <uv.h>

struct worker_signer {
    uv_loop_t *loop;
    uv_poll_t poll;
    int fd; /* -1: none now */
    int next; /* in its place, when the poll handle has closed; -1: none */
    bool polled, blocked;
};

void worker_signer_init(struct worker_signer *signer, uv_loop_t *loop);

/* Takes over the descriptor; what was asked of the one before is asked again. */
void worker_signer_use(struct worker_signer *signer, int fd);
void worker_signer_close(struct worker_signer *signer);

#endif
