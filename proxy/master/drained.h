/*
 * drained.h - the backends that an administrator drains (`wlbproxy backend`): which they
 * are, since when, and how the workers learn of it.
 *
 * The list outlives reloads, workers and upgrades; it does not outlive the master. An
 * entry whose service or address is no longer configured is dropped with the reload that
 * takes it away.
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

/* One backend that a request names: its service, its address as struct endpoint has it.
 */
struct named_backend {
    const char *service, *address; /* the plan's */
};

/* `service` may be NULL where there is one, or where `address` is of one service alone;
 * `address` may be NULL where the service has but one backend. False and err: there is no
 * such backend, with the nearest name, or there are several. */
bool drained_find(const struct plan *plan, const char *service, const char *address,
    struct named_backend *found, struct error *err);

/* Tells all workers. *changed: it was not so before. False and err: there is no room for
 * one more. */
bool drained_set(struct drained *drained, const struct named_backend *backend,
    bool is_drained, bool *changed, struct error *err);

/* Since when, or 0: it is not drained. */
time_t drained_since(
    const struct drained *drained, const char *service, const char *address);

/* This plan is served now. */
void drained_update(struct drained *drained, const struct plan *plan);

/* One that the predecessor drained. */
void drained_inherit(
    struct drained *drained, const char *service, const char *address, time_t since);

/* Tells a worker the list; NULL: all. */
void drained_send(const struct drained *drained, struct child *child);

#endif
