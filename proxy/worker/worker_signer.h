/*
 * worker_signer.h - a worker's channel to the signer. Pending requests leave once an
 * iteration of the loop; answers continue their handshakes.
 *
 * When the signer has gone, unanswered requests wait for its successor. While there is no
 * channel, lost() is called once a second: the signer may be there all the same.
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
    /* Armed: after an error nothing is sent or read until then; without a channel, lost()
     * is called then. */
    struct deadline retry;
    void (*lost)(void *owner);
    void *owner;
};

void worker_signer_init(struct worker_signer *signer, struct loop *loop,
    void (*lost)(void *owner), void *owner);

/* Takes over the descriptor. Requests to the signer before it are sent again. */
void worker_signer_use(struct worker_signer *signer, int fd);
/* A channel was sent, and did not arrive. */
void worker_signer_lose(struct worker_signer *signer);
void worker_signer_close(struct worker_signer *signer);

#endif
