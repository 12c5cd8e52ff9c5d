/*
 * worker_state.h - the state of one worker process. Included by worker*.c only.
 */
#ifndef WLBPROXY_WORKER_WORKER_STATE_H
#define WLBPROXY_WORKER_WORKER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "certstore/context.h"
#include "certstore/credential.h"
#include "proxy/base/list.h"
#include "proxy/ipc/drained_backends.h"
#include "proxy/ipc/log_files.h"
#include "proxy/ipc/sealed_memory.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/ipc/worker_setup.h"
#include "proxy/net/deadline.h"
#include "proxy/net/loop.h"
#include "proxy/worker/worker_listeners.h"
#include "proxy/worker/worker_signer.h"

struct error;
struct clients;
struct message;
struct worker_stats;
struct served;

struct worker {
    struct loop loop;
    struct clients *clients;
    struct worker_listeners listeners;
    int channel;
    uv_poll_t poll;
    struct setup setup;
    struct worker_signer signer;
    unsigned signers_missed; /* channels to it in a row that did not arrive */
    credential_key_reader *read_key; /* see worker.h */
    struct ticket_keys tickets;
    struct drained_backends drained;
    struct list
        generations; /* struct served.link, the oldest first, without the prepared one */
    struct served *current; /* NULL before the first commit */
    struct served *prepared; /* NULL: none; it may lack TLS contexts yet */
    struct sealed sealed; /* while it does: its snapshot's memory, */
    struct snapshot snapshot; /* its snapshot, */
    uv_idle_t preparing; /* and this is active */
    uint64_t prepared_some; /* when it last went on with it; ns, monotonic */
    uint32_t offered; /* the generation that the master offered last */
    struct staged_listener *staged; /* the sockets of the prepared generation */
    size_t staged_count;
    bool sockets_lost; /* some sockets that the master sent were lost */
    bool confined, draining;
    char confined_by[CONFINED_TEXT_MAX];
    struct deadline drain_due;
    struct deadline confirm_due; /* when to check whether the commit is complete */
    unsigned confirm_looks;
};

/* worker_generation.c: the worker's half of the rollout. */
void worker_take_sockets(struct worker *w, struct message *m);
/* Begins to prepare what is offered; worker_prepare_some() continues for a moment. Both
 * return false if it is of no use. */
bool worker_prepare(struct worker *w, struct message *m, struct error *err);
bool worker_prepare_some(struct worker *w, struct error *err);
bool worker_is_prepared(const struct worker *w);
void worker_commit(struct worker *w);
void worker_forget(struct worker *w);
void worker_take_addresses(struct worker *w, const struct message *m);
void worker_take_drained(struct worker *w, const struct message *m);
void worker_release_generations(struct worker *w);

/* worker_collect.c: makes the answer to MESSAGE_ASK_STATS. */
void worker_collect(const struct worker *w, struct worker_stats *report);

#endif
