/*
 * worker_logs.h - tells the workers what to log, opens the files again into which the
 * master writes it, and notices lost lines.
 */
#ifndef WLBPROXY_MASTER_WORKER_LOGS_H
#define WLBPROXY_MASTER_WORKER_LOGS_H

#include <stdbool.h>
#include <stdint.h>

struct child;
struct reload;
struct supervisor;

struct worker_logs {
    struct reload *reload; /* it owns the logs */
    struct supervisor *workers;
    uint64_t lost; /* lines, at the last look */
    bool unreachable; /* a daemon: it was told, and each look tries again */
};

/* Sends them to one worker; NULL: to all. */
void worker_logs_send(const struct worker_logs *logs, struct child *child);

/* Opens the files again, for all. A generation must be served. */
void worker_logs_reopen(struct worker_logs *logs);

/* Called now and then: notices whether lines are being lost. */
void worker_logs_look(struct worker_logs *logs);

#endif
