/*
 * regression.h - is what a reload brings worse than what is served?
 *
 * Never worse than the last good: a certificate that is expired or not yet valid does not
 * replace one that is good now, and what XenServer can use is not replaced by what it
 * could not, unless that is forced; neither is a service's last backend by a name that
 * cannot be resolved. Names lost or an earlier end are warnings, or
 * refusals with strict_reload, unless forced. A self-signed placeholder says nothing
 * about the names and dates of the first certificate of a CA.
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

/* False and err: refuse. What there is to tell is added to findings. */
bool regression_judge(const struct plan *served, const struct plan *fresh, bool force,
    time_t now, struct findings *findings, struct error *err);

/* Adds a warning for names lost, and for an earlier end. */
void regression_compare(const char *file, const struct credential_summary *served,
    const struct credential_summary *fresh, struct findings *findings);

/* The names of `served` that `fresh` lacks, comma-separated, in `lost`; false if none. */
bool regression_names_lost(
    const char *served, const char *fresh, char *lost, size_t size);

#endif
