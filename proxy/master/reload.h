/*
 * reload.h - from "please reload" to a verdict; the start is the first of them.
 *
 * Reads and judges on a thread, so that supervision goes on whatever files and resolver
 * do; then opens what sockets are missing and lets rollout.h bring the workers over.
 * Requests that come while one is on its way are answered together by one more. Whatever
 * is refused leaves everything as it was, but for revocation lists: new ones of what is
 * served make a generation although the rest is refused (revocations.h).
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
    /* A reload found nothing that has changed but, perhaps, what names resolve to. */
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
    /* the rest is reload.c's own */
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
        RELOAD_ROLLING_LISTS /* what was asked for is refused: see `refused` */
    } state;
    bool again;
    bool forced; /* the one on its way, by one of those that asked for it */
    unsigned bind_attempts;
    uint32_t last_id;
    unsigned begun; /* so many times */
    struct plan *plan; /* loaded, not yet handed to the rollout */
    struct revocations *revocations; /* of what is served, as they are on disk; or NULL */
    struct error refused;
    struct logs fresh_logs;
    struct findings findings;
    struct findings told; /* of the last success: notes are logged once */
    struct error err;
    struct list waiting; /* for a reload that has not begun */
    struct list answered; /* by the one on its way */
    bool last_ok;
    struct reload_history history; /* of reloads; the start is none */
    time_t last_when; /* 0: never reloaded */
    struct error last_err;
};

void reload_init(struct reload *reload, uv_loop_t *loop);
void reload_start(struct reload *reload);

/* SIGHUP: soon, together with others that come within moments. */
void reload_request(struct reload *reload);
/* At once if nothing is on its way; the waiter gets the verdict of a reload that began
 * after this. Remove its link to stop waiting. */
void reload_ask(struct reload *reload, struct reload_waiter *waiter);

/* None begins until it is let go: what is asked for meanwhile waits. */
void reload_hold(struct reload *reload);
void reload_let_go(struct reload *reload);

/* What is on its way is not finished any more, and who waits for a verdict is told so.
 * True if one was asked for that has not begun. */
bool reload_stop(struct reload *reload);
void reload_destroy(struct reload *reload);

#endif
