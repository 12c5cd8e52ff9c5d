/*
 * plan.h - a generation to be: the configuration read, names resolved, certificates and
 * keys loaded and judged. All reading of files and resolving happens here, and nothing
 * that is served changes.
 *
 * plan_load() logs nothing and may run on a thread of its own.
 */
#ifndef WLBPROXY_MASTER_PLAN_H
#define WLBPROXY_MASTER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/snapshot.h"

struct credential;
struct error;
struct findings;

struct plan_service {
    struct snapshot_backend *backends;
    size_t backend_count;
    struct credential **credentials;
    char **stale; /* per credential: why it must not replace a good one; NULL: it may */
    size_t credential_count;
    char *ca, *crl; /* PEM texts, NULL: none */
    char *backend_ca; /* the same, of backends */
    struct credential *backend_credential; /* for backends that ask; NULL: none */
    char *backend_stale; /* why it is not to replace a good one; NULL: it may */
};

struct plan {
    struct settings *settings;
    char *text; /* settings_print(): equal texts, equal settings */
    uint32_t max_connections_asked; /* as written; the settings may have less */
    struct text_list pin_files; /* from the pins; the settings have the digests */
    struct identity identity; /* of the workers */
    struct plan_service *services; /* settings->service_count of them */
    struct snapshot_listener *listeners;
    size_t listener_count;
};

/* `optional`: without the file, the defaults. Findings of all services are added to
 * `findings`, also when the plan is refused. */
struct plan *plan_load(
    const char *config_path, bool optional, struct findings *findings, struct error *err);

/* Like plan_load(), with the faults that start and reload find only when they open logs
 * and sockets. Nothing stays open. */
struct plan *plan_try(
    const char *config_path, bool optional, struct findings *findings, struct error *err);

/* An equal plan with the same credentials (referenced). Only on the thread that owns
 * `plan`. */
struct plan *plan_copy(const struct plan *plan);
void plan_free(struct plan *plan);

/* Returns the certificates of all services as one text, for comparison. The caller
 * frees. */
char *plan_certificates(const struct plan *plan);

/* The addresses of names do not count: resolver.h keeps those up to date. */
bool plan_equal(const struct plan *a, const struct plan *b);

/* The service of that name, or NULL; its index is its place in plan->services. */
const struct plan_service *plan_service(const struct plan *plan, const char *name);

bool plan_listens_on(const struct plan *plan, const struct endpoint *address);

#endif
