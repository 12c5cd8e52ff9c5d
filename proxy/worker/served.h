/*
 * served.h - a worker's generations: made from a snapshot, and served to clients.
 */
#ifndef WLBPROXY_WORKER_SERVED_H
#define WLBPROXY_WORKER_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    size_t built; /* services that have their TLS contexts */
    struct credential **last; /* of the last of them: the next one may have the same */
    size_t last_count;
};

/* Parses the settings; the services have their backends, but no TLS contexts yet. */
struct served *served_new(const struct snapshot *snapshot, struct error *err);

/* Makes the TLS contexts of the next service, and of more until that time
 * (clock_now_ns()). It takes a millisecond or two for each, so that a worker does it
 * between other work. `snapshot` is the same each time, and nothing is shared with its
 * memory after the last call; `tickets` is borrowed for good. False, and the generation
 * is of no use, if a service cannot be made. */
bool served_build(struct served *served, const struct snapshot *snapshot,
    const struct ticket_keys *tickets, credential_key_reader *read_key, uint64_t until,
    struct error *err);
bool served_is_built(const struct served *served);

/* Handshakes of `old` that have not yet chosen a certificate show one of `fresh`. */
void served_supersede(const struct served *old, const struct served *fresh);

/* Releases the worker's own reference. */
void served_release(struct served *served);

/* NULL if no service has that name. */
struct service *served_service(const struct served *served, const char *name);

#endif
