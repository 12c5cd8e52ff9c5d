/*
 * master_state.h - what the master process is. Inside master*.c, control_requests.c and
 * upgrade.c and successor.c only.
 */
#ifndef WLBPROXY_MASTER_MASTER_STATE_H
#define WLBPROXY_MASTER_MASTER_STATE_H

#include <stdbool.h>
#include <time.h>

#include <uv.h>

#include "certstore/context.h"
#include "proxy/base/privileges.h"
#include "proxy/control/control_server.h"
#include "proxy/master/expiry.h"
#include "proxy/master/file_watch.h"
#include "proxy/master/master_admin.h"
#include "proxy/master/program.h"
#include "proxy/master/reload.h"
#include "proxy/master/resolver.h"
#include "proxy/master/signals.h"
#include "proxy/master/status.h"
#include "proxy/master/successor.h"
#include "proxy/master/supervisor.h"
#include "proxy/master/task_queue.h"
#include "proxy/master/upgrade.h"

struct master {
    uv_loop_t loop;
    struct reload reload;
    struct supervisor supervisor; /* of the workers */
    struct supervisor signers; /* of the signer; no slots where there is none */
    struct program program;
    struct identity identity;
    struct ticket_keys tickets;
    uint64_t tickets_began; /* ms, by the loop's clock: the newest; 0: inherited */
    char *certificates; /* of the plan that is served; NULL: none yet */
    struct control_server control;
    struct master_admin admin;
    struct status status;
    struct upgrade upgrade;
    struct successor successor; /* as which we were started */
    struct expiry expiry;
    struct file_watch watch;
    struct signals signals;
    struct task_queue tasks;
    struct resolver resolver;
    uv_timer_t rotation, watchdog, drain_timer, look_around;
    const char *config_path;
    bool config_given;
    time_t started; /* by the wall's clock */
    uint64_t began; /* ms, by the loop's: that one does not jump */
    uint64_t log_lost; /* by all, as of the last look */
    uint64_t epoll_retries_told; /* see epoll_retry.h */
    uint32_t budget_told;
    bool serving, stopping, hurried;
    bool told_to_stop; /* by a signal: who was only taken over has not been */
    bool reload_wanted, reopen_wanted; /* since before we served */
    int exit_status;
};

/* The last process is gone. */
void master_stopped(struct master *m);

/* master_logs.c. Hands the logs to a worker; NULL: to all. */
void master_send_logs(struct master *m, struct child *child);
/* Opens them anew, first. */
void master_reopen_logs(struct master *m);
/* Now and then: are lines being lost? */
void master_check_logs(struct master *m);

/* Drains; the workers of a successor go on accepting when `handed_over`. True if a reload
 * was asked for that has not begun. */
bool master_drain(struct master *m, bool handed_over);

/* What begins when we are the only master, or the new one. */
void master_open_control(struct master *m);
void master_take_place(struct master *m);
/* All workers and the signer answer. */
bool master_is_well(const struct master *m);

void master_send_tickets(struct master *m);
/* A new key seals from now on. `reason` is for the log. */
bool master_rotate_tickets(struct master *m, const char *reason, struct error *err);

#endif
