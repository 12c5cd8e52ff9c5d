/*
 * drained.h - the backends that an administrator drains (`wlbproxy backend`), with the
 * time of each, as the master keeps them and sends them to the workers.
 *
 * The list outlives reloads, workers and upgrades; it does not outlive the master. An
 * entry whose service or address is no longer configured is dropped with the reload that
 * removes it.
 */
#ifndef WLBPROXY_MASTER_DRAINED_H
#define WLBPROXY_MASTER_DRAINED_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "proxy/ipc/drained_backends.h"

struct child;
struct error;
struct plan;
struct supervisor;

struct drained {
    struct drained_backends backends;
    time_t since[DRAINED_BACKENDS_MAX]; /* by the wall's clock */
    struct supervisor *workers;
};

/* One backend that a request names: its service, and its address in the text form of
 * struct endpoint. */
struct named_backend {
    const char *service, *address; /* borrowed from the plan */
};

/* `service` may be NULL if there is only one, or if `address` belongs to only one;
 * `address` may be NULL if the service has only one backend. False and err: there is no
 * such backend (err has the nearest name), or there are several. */
bool drained_find(const struct plan *plan, const char *service, const char *address,
    struct named_backend *found, struct error *err);

/* Sends the list to all workers. *changed: it was different before. False and err: there
 * is no room for one more. */
bool drained_set(struct drained *drained, const struct named_backend *backend,
    bool is_drained, bool *changed, struct error *err);

/* Returns the time since it is drained, or 0: it is not. */
time_t drained_since(
    const struct drained *drained, const char *service, const char *address);

/* This plan is served now. */
void drained_update(struct drained *drained, const struct plan *plan);

/* Adds one that the predecessor drained. */
void drained_inherit(
    struct drained *drained, const char *service, const char *address, time_t since);

/* Sends the list to a worker; NULL: to all. */
void drained_send(const struct drained *drained, struct child *child);

#endif
