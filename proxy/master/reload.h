/*
 * reload.h - a reload from its request to its verdict; the start is the first one.
 *
 * It reads and judges on a thread, so that supervision continues while files and resolver
 * block. Then it opens missing sockets and lets rollout.h bring the workers to the new
 * generation. Requests that come during a reload are answered together by one more. A
 * refusal leaves everything as it was, except revocation lists: new lists of the served
 * plan make a generation although the rest is refused (revocations.h).
 */
#ifndef WLBPROXY_MASTER_RELOAD_H
#define WLBPROXY_MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <jansson.h>
#include <uv.h>

#include "certstore/finding.h"
#include "proxy/base/error.h"
#include "proxy/base/list.h"
#include "proxy/ipc/log_files.h"
#include "proxy/master/reload_history.h"
#include "proxy/master/restart_needed.h"
#include "proxy/master/rollout.h"
#include "proxy/master/sockets.h"
#include "proxy/master/task_queue.h"

struct plan;
struct revocations;

struct reload_waiter {
    struct list link;
    bool force; /* see regression_judge() */
    void (*verdict)(struct reload_waiter *waiter, json_t *verdict); /* borrowed */
};

struct reload;

struct reload_events {
    /* The first plan is good: start the workers. False and err: give up. */
    bool (*begin)(struct reload *reload, const struct plan *plan, struct error *err);
    /* Every worker serves a new generation; `first`: it is the start. */
    void (*released)(struct reload *reload, bool first);
    /* A reload found no change except, perhaps, in the addresses of names. */
    void (*unchanged)(struct reload *reload);
    void (*start_failed)(struct reload *reload, const struct error *err);
};

struct reload {
    const struct reload_events *events;
    void *owner;
    uv_loop_t *loop;
    struct task_queue *tasks;
    const char *config_path;
    bool optional; /* the file may be missing */
    struct rollout rollout;
    struct sockets sockets;
    struct logs logs; /* in use */
    unsigned slots; /* known after begin() */
    struct started_with started_with;
    /* the rest is private to reload.c */
    uv_timer_t timer;
    struct work work;
    bool over; /* the process ends */
    bool held; /* see reload_hold() */
    enum {
        RELOAD_IDLE,
        RELOAD_SETTLING,
        RELOAD_LOADING,
        RELOAD_BINDING,
        RELOAD_ROLLING,
        RELOAD_ROLLING_LISTS /* the reload is refused: see `refused` */
    } state;
    bool again;
    bool forced; /* of the reload on its way, by one of its requests */
    unsigned bind_attempts;
    uint32_t last_id;
    unsigned begun; /* number of reloads so far */
    struct plan *plan; /* loaded, not yet given to the rollout */
    struct revocations *revocations; /* the lists of the served plan, as they are on disk;
                                      * or NULL */
    struct error refused;
    struct logs fresh_logs;
    struct findings findings;
    struct findings told; /* findings of the last success: notes are logged once */
    struct error err;
    struct list waiting; /* waiters for a reload that has not begun */
    struct list answered; /* waiters for the one on its way */
    bool last_ok;
    struct reload_history history; /* of reloads; the start does not count */
    time_t last_when; /* 0: never reloaded */
    struct error last_err;
};

void reload_init(struct reload *reload, uv_loop_t *loop);
void reload_start(struct reload *reload);

/* SIGHUP: soon, together with others that come within moments. */
void reload_request(struct reload *reload);
/* At once if none is on its way. The waiter gets the verdict of a reload that began after
 * this call. Remove its link to stop waiting. */
void reload_ask(struct reload *reload, struct reload_waiter *waiter);

/* None begins until reload_let_go(): requests wait meanwhile. */
void reload_hold(struct reload *reload);
void reload_let_go(struct reload *reload);

/* The reload on its way is abandoned, and its waiters are told. True if one was asked for
 * that has not begun. */
bool reload_stop(struct reload *reload);
void reload_destroy(struct reload *reload);

#endif
