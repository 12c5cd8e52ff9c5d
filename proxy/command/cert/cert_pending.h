/*
 * cert_pending.h - a pair that is installed, but not yet live: one merged file beside the
 * chain, served only to clients that ask for the service's `pending` name (SNI).
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_PENDING_H
#define WLBPROXY_COMMAND_CERT_CERT_PENDING_H

struct cert_place;
struct cert_say;
struct pair_text;

/* `text` is merged. Returns the exit status. If the pair is not served in the end, it is
 * removed again. */
int cert_pending_install(struct cert_place *place, struct cert_say *say,
    const struct pair_text *text, const char *sha256);

#endif
