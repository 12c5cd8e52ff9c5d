/*
 * staging.h - a pair that is tried before it goes live (`wlbproxy cert install
 * --pending`).
 *
 * It lies beside the chain's file as one merged file, `<cert>.pending`. While it is
 * there, its service has a staging, "<name>-pending", on the same addresses, that only
 * clients get who ask for the name in `pending` (SNI). One that cannot be served is a
 * warning and no staging: it never stands in the way of what is live.
 */
#ifndef WLBPROXY_MASTER_STAGING_H
#define WLBPROXY_MASTER_STAGING_H

struct findings;
struct settings;

void staging_add_services(struct settings *settings, struct findings *findings);

/* Where the pending pair of a chain is; the caller frees. */
char *pending_file(const char *cert);

#endif
