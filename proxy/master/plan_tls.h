/*
 * plan_tls.h - tests whether the TLS of a plan's services works. The master and `check`
 * call it before a worker is asked to prepare the plan.
 */
#ifndef WLBPROXY_MASTER_PLAN_TLS_H
#define WLBPROXY_MASTER_PLAN_TLS_H

#include <stdbool.h>

struct error;
struct findings;
struct plan;

/* Tests ciphers, groups, certificates, issuers and revocations by making a context of
 * them. Adds findings about contexts that work and are of no use to a client. */
bool plan_tls_check(
    const struct plan *plan, struct findings *findings, struct error *err);

#endif
