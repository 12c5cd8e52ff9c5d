/*
 * plan_backends.h - the addresses of the names in a service's `connect` lines.
 */
#ifndef WLBPROXY_MASTER_PLAN_BACKENDS_H
#define WLBPROXY_MASTER_PLAN_BACKENDS_H

#include <stdbool.h>

struct addresses;
struct identity;
struct error;
struct findings;
struct plan;
struct plan_service;
struct service_settings;

/* A name that cannot be resolved is a warning: its line has no address so far. */
bool plan_backends_resolve(struct plan_service *service,
    const struct service_settings *settings, const struct identity *identity,
    struct findings *findings, struct error *err);

/* Gets the addresses of the first line with that text. */
void plan_backends_get(const struct plan *plan, struct addresses *addresses);

/* Sets the addresses of that line in all services. */
void plan_backends_set(struct plan *plan, const struct addresses *addresses);

/* A name that cannot be resolved now keeps the addresses that `served` has for it. */
void plan_backends_keep(struct plan *plan, const struct plan *served);

#endif
