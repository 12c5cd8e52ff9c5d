/*
 * worker_signer.h - a worker's channel to the signer. Pending requests leave once an
 * iteration of the loop; answers continue their handshakes.
 *
 * When the signer has gone, unanswered requests wait for its successor.
 */
#ifndef WLBPROXY_WORKER_WORKER_SIGNER_H
#define WLBPROXY_WORKER_WORKER_SIGNER_H

#include <stdbool.h>

#include "proxy/net/deadline.h"
#include "proxy/net/poller.h"

struct loop;

struct worker_signer {
    struct loop *loop;
    struct poller poller; /* its fd is -1 while there is no signer */
    int next; /* used next, when the poller has closed; -1: none */
    bool open; /* the poller has not closed yet */
    bool blocked;
    struct deadline retry; /* armed: after an error nothing is sent or read until then */
};

void worker_signer_init(struct worker_signer *signer, struct loop *loop);

/* Takes over the descriptor. Requests to the signer before it are sent again. */
void worker_signer_use(struct worker_signer *signer, int fd);
void worker_signer_close(struct worker_signer *signer);

#endif
