/*
 * worker_signer.h - a worker's channel to the signer. Pending requests leave once an
 * iteration of the loop; answers continue their handshakes.
 *
 * When the signer has gone, unanswered requests wait for its successor.
 */
#ifndef WLBPROXY_WORKER_WORKER_SIGNER_H
#define WLBPROXY_WORKER_WORKER_SIGNER_H

#include <stdbool.h>

#include <uv.h>

struct worker_signer {
    uv_loop_t *loop;
    uv_poll_t poll;
    int fd; /* -1: none now */
    int next; /* used next, when the poll handle has closed; -1: none */
    bool polled, blocked;
};

void worker_signer_init(struct worker_signer *signer, uv_loop_t *loop);

/* Takes over the descriptor. Requests to the signer before it are sent again. */
void worker_signer_use(struct worker_signer *signer, int fd);
void worker_signer_close(struct worker_signer *signer);

#endif
