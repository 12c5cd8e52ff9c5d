/*
 * cert_next.h - what is left to do once a certificate is live: the pool must trust it.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_NEXT_H
#define WLBPROXY_COMMAND_CERT_CERT_NEXT_H

struct cert_place;
struct cert_say;
struct credential;

/* Tells the commands, here and on the pool, for each generation of XAPI, and how to find
 * out which one the pool is. Nothing where XenServer is not served by this pair. */
void cert_next_tell(struct cert_say *say, const struct cert_place *place,
    const struct credential *credential);

#endif
