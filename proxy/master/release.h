/*
 * release.h - a generation as the master holds it: the plan, and the sealed snapshot that
 * the workers are offered, for as long as one may have to start anew.
 */
#ifndef WLBPROXY_MASTER_RELEASE_H
#define WLBPROXY_MASTER_RELEASE_H

#include <stdint.h>
#include <time.h>

#include "proxy/ipc/sealed_memory.h"

struct error;
struct plan;

struct release {
    uint32_t id;
    struct plan *plan; /* owned */
    struct sealed snapshot;
    time_t released; /* when it was committed; 0: not yet */
};

/* Takes over the plan, on failure too (NULL and err). */
struct release *release_new(uint32_t id, struct plan *plan, struct error *err);

/* Wipes the snapshot: no worker may still be about to read it. */
void release_free(struct release *release);

#endif
