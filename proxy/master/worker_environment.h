/*
 * worker_environment.h - what of the environment a worker gets: what the libraries look
 * at, nothing of whoever started us.
 */
#ifndef WLBPROXY_MASTER_WORKER_ENVIRONMENT_H
#define WLBPROXY_MASTER_WORKER_ENVIRONMENT_H

enum { WORKER_ENVIRONMENT_MAX = 64 };

/* NULL-terminated; the strings are the environment's own. */
void worker_environment(char *kept[WORKER_ENVIRONMENT_MAX]);

#endif
