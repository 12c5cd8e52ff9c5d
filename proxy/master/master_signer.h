/*
 * master_signer.h - the master's side of the signers: keeps them alive, and connects each
 * worker with one.
 *
 * A signer is one thread. Where it makes batches, one serves all workers, so that batches
 * form across them. Elsewhere it is one for each worker, and one for each CPU at most.
 */
#ifndef WLBPROXY_MASTER_MASTER_SIGNER_H
#define WLBPROXY_MASTER_MASTER_SIGNER_H

#include "proxy/master/supervisor.h"

struct child;
struct identity;
struct reload;
struct status;

struct master_signer {
    struct supervisor supervisor; /* no slots where there is no signer */
    /* The rest is set by the owner, and borrowed. */
    struct supervisor *workers;
    struct reload *reload; /* it has the keys of this one's release */
    const struct identity *identity; /* the account of the signers */
    struct status *status; /* gets its counts */
    void (*ended)(void *owner); /* after master_signer_end() */
    void *owner;
};

/* `workers` has the loop and the program. */
void master_signer_init(struct master_signer *signer);
void master_signer_start(struct master_signer *signer);

/* A worker was started: it gets a channel to its signer as soon as that has its keys. */
void master_signer_join(struct master_signer *signer, struct child *worker);
/* A worker asks for another channel: it gets one now and then at most, however often it
 * asks. */
void master_signer_join_again(struct master_signer *signer, struct child *worker);

/* Every process serves the current generation: the keys of earlier ones are given up. */
void master_signer_retire_keys(struct master_signer *signer);

/* The last worker has ended. */
void master_signer_end(struct master_signer *signer);

#endif
