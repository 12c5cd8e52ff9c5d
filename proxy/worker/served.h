/*
 * served.h - a worker's generations: made from a snapshot, and served to clients.
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

/* It leaves its list and is freed when the last client of its generation has gone. */
struct served {
    struct list link;
    struct generation *generation; /* holds one reference until served_release() */
    struct sni_choice *choices; /* of all addresses; borrowed by their default contexts */
    uint32_t *listeners; /* default service of each listener */
    size_t listener_count;
};

/* Parses the settings and makes the TLS contexts. Nothing is shared with the snapshot's
 * memory afterwards. `tickets` is borrowed for good. */
struct served *served_build(const struct snapshot *snapshot,
    const struct ticket_keys *tickets, credential_key_reader *read_key,
    struct error *err);

/* Handshakes of `old` that have not yet chosen a certificate show one of `fresh`. */
void served_supersede(const struct served *old, const struct served *fresh);

/* Releases the worker's own reference. */
void served_release(struct served *served);

/* NULL if no service has that name. */
struct service *served_service(const struct served *served, const char *name);

#endif
