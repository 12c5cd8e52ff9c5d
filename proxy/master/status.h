/*
 * status.h - answers `status`: asks every worker and signer for a report, and looks
 * at the disk for what a reload would bring. It waits only moments for each, and puts the
 * answers together.
 */
#ifndef WLBPROXY_MASTER_STATUS_H
#define WLBPROXY_MASTER_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>
#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/master/supervisor.h"

struct child;
struct disk_look;
struct drained;
struct message;
struct reload;
struct worker_stats;
struct signing_stats;
struct ticket_rotation;

enum { STATUS_DISK_GOOD_FOR = 30 * 1000 /* ms */ };

struct status_waiter {
    struct list link;
    void (*status)(struct status_waiter *waiter, json_t *status); /* borrowed */
    bool recent_is_enough; /* a look at the disk within STATUS_DISK_GOOD_FOR is recent
                            * enough */
};

/* The sources of the status; all borrowed, and valid as long as the status. */
struct status_sources {
    uv_loop_t *loop;
    struct reload *reload; /* a generation is served */
    struct supervisor *workers, *signers;
    const struct ticket_rotation *tickets;
    const struct drained *drained;
    time_t started; /* by the wall's clock */
    uint64_t began; /* ms, by the loop's clock, which does not jump */
};

struct status {
    struct status_sources of;
    uv_timer_t answer_timer;
    struct list waiting;
    uint64_t asked; /* ns, by uv_hrtime() */
    uint32_t question; /* id of the question that is being asked */
    bool asking;
    bool due[SUPERVISOR_SLOTS_MAX];
    struct worker_stats *reports[SUPERVISOR_SLOTS_MAX]; /* NULL: no answer */
    bool signer_due[SUPERVISOR_SLOTS_MAX];
    struct signing_stats *signers[SUPERVISOR_SLOTS_MAX]; /* NULL: no answer */
    struct disk_look *disk; /* the last look; NULL: none yet */
    uint64_t looked; /* ms: when it began */
    bool looked_now; /* for the present question */
    uint32_t looked_beside; /* the generation that was served at that time */
};

void status_init(struct status *status, const struct status_sources *of);

/* Remove the waiter's link to stop waiting. */
void status_ask(struct status *status, struct status_waiter *waiter);

void status_take(struct status *status, struct child *child, const struct message *m);
void status_gone(struct status *status, const struct child *child);
void status_take_signer(
    struct status *status, const struct child *child, const struct message *m);
void status_signer_gone(struct status *status, const struct child *child);

#endif
