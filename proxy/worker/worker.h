/*
 * worker.h - the process that talks to the network: unprivileged, confined, without
 * files.
 *
 * The master starts it as `<this program> WORKER_ARGUMENT` with its channel as descriptor
 * CHANNEL_FD; main() calls worker_main() when it sees that argument.
 */
#ifndef WLBPROXY_WORKER_WORKER_H
#define WLBPROXY_WORKER_WORKER_H

#define WORKER_ARGUMENT "worker"

/* Returns the exit status; 2 with a sentence on stderr if descriptor 3 is no channel. */
int worker_main(void);

#endif
