/*
 * cert_next.h - the steps that remain once a certificate is live: the pool must trust it.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_NEXT_H
#define WLBPROXY_COMMAND_CERT_CERT_NEXT_H

struct cert_place;
struct cert_say;
struct credential;

/* Prints the commands, here and on the pool, for each generation of XAPI, and how to find
 * out the pool's. Prints nothing if XenServer does not use this pair. */
void cert_next_tell(struct cert_say *say, const struct cert_place *place,
    const struct credential *credential);

#endif
