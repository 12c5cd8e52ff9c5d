/*
 * served.h - a worker's generations: from snapshot to something a client can be given to.
 */
#ifndef WLBPROXY_WORKER_SERVED_H
#define WLBPROXY_WORKER_SERVED_H

#include <stddef.h>

#include "certstore/context.h"
#include "certstore/credential.h"
#include "proxy/base/list.h"
#include "proxy/session/generation.h"

struct error;
struct snapshot;

/* Leaves the list it is in, and is freed, when the last client of its generation is gone.
 */
struct served {
    struct list link;
    struct generation *generation; /* holds one reference until served_release() */
    struct sni_choice **choices; /* per service; borrowed by its context */
    uint32_t *listeners; /* default service of each listener */
    size_t listener_count;
};

/* Settings parsed, TLS contexts made; nothing is shared with the snapshot's memory
 * afterwards. `tickets` is borrowed for good. */
struct served *served_build(const struct snapshot *snapshot,
    const struct ticket_keys *tickets, credential_key_reader *read_key,
    struct error *err);

/* Handshakes of `old` that have not chosen their certificate show those of `fresh`. */
void served_supersede(const struct served *old, const struct served *fresh);

/* Gives up the worker's own reference. */
void served_release(struct served *served);

/* NULL if there is none of that name. */
struct service *served_service(const struct served *served, const char *name);

#endif
