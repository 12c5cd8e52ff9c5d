/*
 * worker.h - the process that talks to the network: unprivileged, confined, without
 * files.
 *
 * The master starts its program with its channel as descriptor CHANNEL_FD.
 */
#ifndef WLBPROXY_WORKER_WORKER_H
#define WLBPROXY_WORKER_WORKER_H

#include "certstore/credential.h"

/* `read_key` reads the private keys where there is no signer; NULL: this program cannot.
 * Returns the exit status; it is 2, with a sentence on stderr, if descriptor 3 is no
 * channel. */
int worker_main(credential_key_reader *read_key);

#endif
