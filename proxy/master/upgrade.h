/*
 * upgrade.h - replaces the running binary: a successor is started with the listening
 * sockets and ticket keys, beside us. Only when it has served for a probation time do we
 * drain; whatever becomes of it before that, we go on, and the port is never closed.
 *
 * What is on disk is judged first as for a reload: a successor has nothing to compare it
 * with, and what is worse than what is served would come in that way. What this version
 * cannot read at all is left to the successor, which may know more options.
 *
 * It is started as a child of our own parent, as we are, so that a service manager waits
 * for its end as it would for ours. successor.h is its side, proxy/ipc/handover.h what
 * the two say.
 */
#ifndef WLBPROXY_MASTER_UPGRADE_H
#define WLBPROXY_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "proxy/base/list.h"
#include "proxy/master/program.h"

struct disk_look;
struct program;
struct reload;
struct reload_waiter;
struct ticket_keys;

/* What is handed over, and who is told; all borrowed. */
struct upgrade_of {
    struct reload *reload; /* its sockets and the number of its generation */
    const struct ticket_keys *tickets;
    const struct program *program;
    /* The successor serves: drain. True if a reload was asked for that has not begun. */
    bool (*handed_over)(void *owner);
    void *owner;
};

struct upgrade {
    struct upgrade_of of;
    enum upgrade_state {
        UPGRADE_NONE,
        UPGRADE_JUDGING, /* what it would read */
        UPGRADE_AWAIT_HELLO,
        UPGRADE_AWAIT_SERVING,
        UPGRADE_PROBATION,
        UPGRADE_AWAIT_TAKEN,
        UPGRADE_TAKEN, /* it serves in our place; we drain */
        UPGRADE_CLOSING, /* it failed; the handles are about to close */
    } state;
    struct disk_look *look; /* NULL: none is under way */
    pid_t pid;
    int channel; /* -1: none */
    uv_poll_t poll;
    uv_timer_t tick;
    uint64_t due; /* ms: when the state must have changed */
    uint64_t heard; /* ms: when its last message came */
    unsigned reloads; /* those begun when it read the files */
    struct list waiting; /* struct reload_waiter.link */
    struct program_file failed; /* a reload does not try it again */
};

void upgrade_init(struct upgrade *upgrade, const struct upgrade_of *of);

/* SIGUSR2, or a reload where upgrade_is_due(). Reloads wait until the successor has said
 * hello; later ones are done here, and by the successor once more. */
void upgrade_begin(struct upgrade *upgrade);

/* Is another program on disk than the one that runs, and is a reload to bring it up? Not
 * one that failed before. */
bool upgrade_is_due(const struct upgrade *upgrade);

/* Begins one, or joins the one under way; the waiter gets its outcome. With its `force`
 * nothing is judged first. */
void upgrade_ask(struct upgrade *upgrade, struct reload_waiter *waiter);

/* We are to end, and not because of it: so is a successor that does not serve yet. */
void upgrade_abandon(struct upgrade *upgrade);

/* Passes a signal on to a successor that serves; false: there is none. */
bool upgrade_pass_on(const struct upgrade *upgrade, int number);

#endif
