/*
 * describe.h - describes what is served: JSON for the control socket, lines for the log.
 */
#ifndef WLBPROXY_MASTER_DESCRIBE_H
#define WLBPROXY_MASTER_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <jansson.h>

struct credential_summary;
struct findings;
struct plan;
struct plan_service;
struct release;
struct service_settings;

/* All return new references. */
json_t *describe_certificate(
    const char *file, const struct credential_summary *summary, time_t now);
json_t *describe_certificates(
    const struct plan_service *service, const struct service_settings *settings);
json_t *describe_services(const struct plan *plan);
/* Adds to each service the CAs and revocation lists for its clients' certificates: cas,
 * crls. */
void describe_trust(json_t *services, const struct plan *plan);
json_t *describe_findings(const struct findings *findings);
json_t *describe_time(time_t when);

/* One sentence: "Serving generation 3: wlb (wlb.example.com until 2027-01-31)". */
void describe_status(
    const struct release *release, bool unchanged, char *text, size_t size);

/* Logs one line a certificate. */
void describe_to_log(const struct release *release);
/* Logs a note only if it is not among those `told` already, and none if that is NULL. A
 * refusal's reason is in the refusal's own line. */
void describe_findings_to_log(
    const struct findings *findings, const struct findings *told);

#endif
