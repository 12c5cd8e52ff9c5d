/*
 * release.h - a generation as the master holds it: the plan, and the sealed snapshot that
 * the workers are offered, for as long as one may have to start anew.
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
    struct sealed keys; /* the signer's: key_snapshot.h; fd -1: they are in `snapshot` */
    time_t released; /* when it was committed; 0: not yet */
};

/* Takes over the plan, on failure too (NULL and err). With a `signer` the keys are apart.
 */
struct release *release_new(
    uint32_t id, struct plan *plan, bool signer, struct error *err);

/* Wipes both: no process may still be about to read it. */
void release_free(struct release *release);

#endif
