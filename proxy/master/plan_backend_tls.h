/*
 * plan_backend_tls.h - the part of a plan that is TLS to a service's backends: whom it
 * trusts, and the certificate that it shows.
 */
#ifndef WLBPROXY_MASTER_PLAN_BACKEND_TLS_H
#define WLBPROXY_MASTER_PLAN_BACKEND_TLS_H

#include <stdbool.h>
#include <time.h>

struct error;
struct findings;
struct plan_service;
struct service_settings;
struct text_list;

/* Reads and judges both; nothing where no `connect` line says tls:. */
bool plan_backend_tls_load(struct plan_service *service,
    const struct service_settings *settings, struct findings *findings,
    struct error *err);

bool plan_backend_tls_equal(const struct plan_service *a, const struct plan_service *b);

/* OpenSSL can use it. */
bool plan_backend_tls_check(const struct plan_service *service,
    const struct service_settings *settings, struct error *err);

/* The findings about the issuers alone. */
void plan_backend_tls_judge(const struct plan_service *service,
    const struct service_settings *settings, time_t now, struct findings *findings);

/* Adds the files that it was made of, but for those of pins. */
void plan_backend_tls_files(
    const struct service_settings *settings, struct text_list *files);

#endif
