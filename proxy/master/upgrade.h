/*
 * upgrade.h - replaces the running binary: a successor is started with the listening
 * sockets and ticket keys, and only when it serves do we drain. When it fails, nothing
 * has changed.
 *
 * Over a channel whose descriptor the successor finds in its environment: INHERIT for
 * each address, TICKETS, INHERITED_ALL; it answers TAKEN_OVER.
 */
#ifndef WLBPROXY_MASTER_UPGRADE_H
#define WLBPROXY_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

struct master;

struct upgrade {
    struct master *master;
    /* as predecessor */
    pid_t pid; /* 0: none, or it has ended */
    uv_poll_t poll;
    uv_timer_t successor_timer; /* with a successor that does not come to serve */
    int channel; /* -1: none */
    bool running, taken_over;
    /* as successor */
    int predecessor; /* -1: none */
};

/* Takes the inheritance, if there is one. */
void upgrade_init(struct upgrade *upgrade, struct master *master);

/* SIGUSR2. Reloads wait until it has ended: the successor may have read the files before
 * they changed. */
void upgrade_begin(struct upgrade *upgrade);

/* We are to end, and not because of it: so is a successor that does not serve yet. */
void upgrade_abandon(struct upgrade *upgrade);

/* Passes a signal on to a successor that serves; false: there is none. */
bool upgrade_pass_on(const struct upgrade *upgrade, int number);

/* SIGCHLD came: is it the successor? */
void upgrade_look_for_ended(struct upgrade *upgrade);

/* We serve: the predecessor may drain. */
void upgrade_taken_over(struct upgrade *upgrade);

bool upgrade_is_successor(const struct upgrade *upgrade);

#endif
