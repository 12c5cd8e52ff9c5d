/*
 * regression.h - judges whether a reload would make the service worse.
 *
 * A certificate that is expired or not yet valid does not replace a good one.
 * Certificates that XenServer can use are not replaced by others that it cannot, unless
 * that is forced. A service's last backend is not replaced by a name that cannot be
 * resolved. Lost names or an earlier end are warnings, or refusals with strict_reload,
 * unless forced. A self-signed placeholder is not compared with the first certificate of
 * a CA.
 */
#ifndef WLBPROXY_MASTER_REGRESSION_H
#define WLBPROXY_MASTER_REGRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct credential_summary;
struct error;
struct findings;
struct plan;

/* False and err: refuse. Its remarks are added to findings. */
bool regression_judge(const struct plan *served, const struct plan *fresh, bool force,
    time_t now, struct findings *findings, struct error *err);

/* Adds a warning for lost names, and for an earlier end. */
void regression_compare(const char *file, const struct credential_summary *served,
    const struct credential_summary *fresh, struct findings *findings);

/* The names of `served` that `fresh` lacks, comma-separated, in `lost`; false if none. */
bool regression_names_lost(
    const char *served, const char *fresh, char *lost, size_t size);

#endif
