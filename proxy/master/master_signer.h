/*
 * master_signer.h - the master's side of the signer: keeps one alive, and joins it with
 * the workers.
 */
#ifndef WLBPROXY_MASTER_MASTER_SIGNER_H
#define WLBPROXY_MASTER_MASTER_SIGNER_H

struct child;
struct master;

void master_signer_init(struct master *m);
void master_signer_start(struct master *m);

/* A worker was started: it gets a channel to the signer as soon as that has its keys. */
void master_signer_join(struct master *m, struct child *worker);

/* Every process serves the current generation: the keys of those before are given up. */
void master_signer_retire_keys(struct master *m);

/* The last worker is gone. */
void master_signer_end(struct master *m);

#endif
