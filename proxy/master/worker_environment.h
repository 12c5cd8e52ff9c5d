/*
 * worker_environment.h - the part of the environment that a worker gets: the variables
 * that libraries read, and no others.
 */
#ifndef WLBPROXY_MASTER_WORKER_ENVIRONMENT_H
#define WLBPROXY_MASTER_WORKER_ENVIRONMENT_H

enum { WORKER_ENVIRONMENT_MAX = 64 };

/* NULL-terminated; the strings are the environment's own. */
void worker_environment(char *kept[WORKER_ENVIRONMENT_MAX]);

#endif
