/*
 * signer.h - the process that holds the private keys and signs what workers ask for:
 * unprivileged, confined, without files and without network.
 *
 * A request names a key, a signature scheme and a digest: what is signed is padded here,
 * never taken as it comes. The master starts it, brings it each generation's keys, and a
 * channel to each worker; when the master is gone it goes on until the last worker is.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_H
#define WLBPROXY_SIGNER_SIGNER_H

/* Returns the exit status; 2 with a sentence on stderr if descriptor 3 is no channel. */
int signer_main(void);

#endif
