/*
 * staging.h - a pair that is tried before it goes live (`wlbproxy cert install
 * --pending`).
 *
 * It lies beside the chain's file as one merged file, `<cert>.pending`. While it is
 * there, its service has a staging service, "<name>-pending", on the same addresses,
 * which only clients reach that ask for the name in `pending` (SNI). If it cannot be
 * served, that is a warning and there is no staging service: the live one is never
 * affected.
 */
#ifndef WLBPROXY_MASTER_STAGING_H
#define WLBPROXY_MASTER_STAGING_H

struct findings;
struct settings;

void staging_add_services(struct settings *settings, struct findings *findings);

/* Returns the place of a chain's pending pair; the caller frees. */
char *pending_file(const char *cert);

#endif
