/*
 * master_workers.h - the master's side of the workers: keeps one alive in each slot,
 * tells each its setup, logs, ticket keys and drained backends, and passes its messages
 * on.
 */
#ifndef WLBPROXY_MASTER_MASTER_WORKERS_H
#define WLBPROXY_MASTER_MASTER_WORKERS_H

#include "proxy/master/supervisor.h"

struct drained;
struct identity;
struct master_signer;
struct reload;
struct resolver;
struct settings;
struct status;
struct ticket_rotation;
struct worker_logs;

struct master_workers {
    struct supervisor supervisor;
    /* The rest is set by the owner, and borrowed. */
    struct reload *reload;
    struct master_signer *signer; /* ends when the last worker has ended */
    const struct identity *identity; /* the account of the workers */
    struct ticket_rotation *tickets;
    struct drained *drained;
    struct worker_logs *logs;
    struct resolver *resolver;
    struct status *status; /* gets their reports */
};

void master_workers_init(
    struct master_workers *workers, uv_loop_t *loop, const struct program *program);

/* Starts them for the first settings; returns how many slots there are. */
unsigned master_workers_start(
    struct master_workers *workers, const struct settings *settings);

#endif
