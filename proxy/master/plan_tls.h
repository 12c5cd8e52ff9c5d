/*
 * plan_tls.h - would the TLS of a plan's services come to life? Asked by the master, and
 * by check, before a worker is asked to prepare it.
 */
#ifndef WLBPROXY_MASTER_PLAN_TLS_H
#define WLBPROXY_MASTER_PLAN_TLS_H

#include <stdbool.h>

struct error;
struct findings;
struct plan;

/* Ciphers, groups, certificates, issuers and revocations, by making a context of them.
 * Adds what comes to life and is of no use to a client. */
bool plan_tls_check(
    const struct plan *plan, struct findings *findings, struct error *err);

#endif
