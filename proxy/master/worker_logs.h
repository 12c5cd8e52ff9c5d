/*
 * worker_logs.h - the workers write into the log files that the master has opened: hands
 * them over, opens them anew, and notices when lines are lost.
 */
#ifndef WLBPROXY_MASTER_WORKER_LOGS_H
#define WLBPROXY_MASTER_WORKER_LOGS_H

#include <stdint.h>

struct child;
struct reload;
struct supervisor;

struct worker_logs {
    struct reload *reload; /* whose logs they are */
    struct supervisor *workers;
    uint64_t lost; /* lines, by all processes, as of the last look */
};

/* To one worker; NULL: to all. */
void worker_logs_send(const struct worker_logs *logs, struct child *child);

/* Opens the files anew, for all. Something must be served. */
void worker_logs_reopen(struct worker_logs *logs);

/* Now and then: are lines being lost? */
void worker_logs_look(struct worker_logs *logs);

#endif
