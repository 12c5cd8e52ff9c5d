/*
 * rollout.h - brings every worker, and every signer, to one generation, in two phases.
 *
 * All workers prepare the next release beside the current one. Only when every slot's
 * worker has accepted is it decided: from then on it is the current one, workers commit,
 * and a new worker gets it. When it is refused, all forget it. A worker that refuses what
 * all the others accept is first replaced, and its successor is asked, so that one bad
 * worker has no veto. (A single worker's refusal counts.) The next message to a worker
 * follows from the fields of struct child alone, so that replacements in any phase need
 * no cases of their own.
 */
#ifndef WLBPROXY_MASTER_ROLLOUT_H
#define WLBPROXY_MASTER_ROLLOUT_H

#include <stdbool.h>

#include "proxy/base/error.h"

struct child;
struct message;
struct release;
struct sockets;
struct supervisor;

struct rollout {
    struct supervisor *supervisor; /* of the workers */
    struct supervisor *signers; /* NULL: there are none */
    const struct sockets *sockets;
    struct release *current; /* owned; NULL before the first */
    struct release *next; /* owned; NULL: none on its way */
    bool confirming; /* decided, and not yet committed by every worker */
    bool asked_anew; /* a worker that alone refused the next one was replaced */
    unsigned deaths; /* of workers, while they prepared the next one */
    struct error refusal;
    void *owner;
    /* `refusal` NULL: every worker serves the current release now. Else nothing has
     * changed, and the refused release is freed. */
    void (*finished)(struct rollout *rollout, const struct error *refusal);
};

/* Takes over the release. Call it only when none is on its way. */
void rollout_begin(struct rollout *rollout, struct release *release);
bool rollout_is_busy(const struct rollout *rollout);

/* Ends the rollout on its way although some slot still has no worker that takes part. An
 * undecided release is refused. A decided one counts as done, because a later worker gets
 * it. */
void rollout_give_up(struct rollout *rollout);

/* Called for the supervisor's events. */
void rollout_hello(struct rollout *rollout, struct child *child);
void rollout_gone(struct rollout *rollout, struct child *child);
/* False if the message is not about generations. */
bool rollout_message(
    struct rollout *rollout, struct child *child, const struct message *m);

void rollout_destroy(struct rollout *rollout);

#endif
