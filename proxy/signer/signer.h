/*
 * signer.h - the process that holds the private keys and signs for the workers:
 * unprivileged, confined, without files and without network.
 *
 * A request names a key, a signature scheme and a digest. The signer pads the digest
 * itself, and never signs bytes as they come. The master starts it, and sends it the keys
 * of each generation and a channel to each worker. When the master has gone, it continues
 * until the last worker has.
 */
#ifndef WLBPROXY_SIGNER_SIGNER_H
#define WLBPROXY_SIGNER_SIGNER_H

/* Returns the exit status; 2 with a sentence on stderr if descriptor 3 is no channel. */
int signer_main(void);

#endif
