/*
 * release.h - a generation as the master holds it: the plan, and the sealed snapshot for
 * the workers, kept as long as a worker may have to start anew.
 */
#ifndef WLBPROXY_MASTER_RELEASE_H
#define WLBPROXY_MASTER_RELEASE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "proxy/ipc/sealed_memory.h"

struct error;
struct plan;

struct release {
    uint32_t id;
    struct plan *plan; /* owned */
    struct sealed snapshot;
    struct sealed keys; /* for the signer: key_snapshot.h; fd -1: they are in
                         * `snapshot` */
    time_t released; /* the time when it was committed; 0: not yet */
};

/* Takes over the plan, on failure too (NULL and err). With a `signer` the keys are kept
 * apart. */
struct release *release_new(
    uint32_t id, struct plan *plan, bool signer, struct error *err);

/* Wipes both: no process may still have to read them. */
void release_free(struct release *release);

#endif
