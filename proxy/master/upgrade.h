/*
 * upgrade.h - replaces the running program: a successor is started with the listening
 * sockets and ticket keys, beside us. Only when it has served for a probation time do we
 * drain. If it fails before that, we continue, and the port is never closed.
 *
 * The files are judged first, as for a reload: a successor has nothing to compare them
 * with, and could otherwise serve something worse. A configuration that this version
 * cannot read is left to the successor, which may know more options.
 *
 * It is started as a child of our own parent, like us, so that a service manager waits
 * for its end as it would for ours. successor.h is its side, proxy/ipc/handover.h the
 * messages between the two.
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
struct drained;
struct program;
struct reload;
struct reload_waiter;
struct ticket_keys;

/* The things handed over, and the callbacks; all borrowed. */
struct upgrade_of {
    struct reload *reload; /* its sockets and the number of its generation */
    const struct ticket_keys *tickets;
    const struct drained *drained;
    const struct program *program;
    /* The successor serves: drain. True if a reload was asked for that has not begun. */
    bool (*handed_over)(void *owner);
    void *owner;
};

struct upgrade {
    struct upgrade_of of;
    enum upgrade_state {
        UPGRADE_NONE,
        UPGRADE_JUDGING, /* the files that it would read */
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
    uint64_t due; /* ms: the deadline of the state */
    uint64_t heard; /* ms: the time of its last message */
    unsigned reloads; /* number of reloads begun when it read the files */
    struct list waiting; /* struct reload_waiter.link */
    struct program_file failed; /* a reload does not try this one again */
};

void upgrade_init(struct upgrade *upgrade, const struct upgrade_of *of);

/* SIGUSR2, or a reload where upgrade_is_due(). Reloads wait until the successor has said
 * hello; later ones are done here, and again by the successor. */
void upgrade_begin(struct upgrade *upgrade);

/* Returns whether another program is on disk than the one that runs, and a reload should
 * start it. One that failed before does not count. */
bool upgrade_is_due(const struct upgrade *upgrade);

/* Begins one, or joins the one under way; the waiter gets its result. With its `force`
 * nothing is judged first. */
void upgrade_ask(struct upgrade *upgrade, struct reload_waiter *waiter);

/* We are told to end, not by it: a successor that does not serve yet must end, too. */
void upgrade_abandon(struct upgrade *upgrade);

/* Passes a signal on to a successor that serves; false: there is none. */
bool upgrade_pass_on(const struct upgrade *upgrade, int number);

#endif
