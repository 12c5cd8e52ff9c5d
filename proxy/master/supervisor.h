/*
 * supervisor.h - keeps one process alive in each slot: the workers, the signers, or the
 * admin process.
 *
 * A process that ends is replaced at once. Only while it keeps ending young there is a
 * pause, which doubles up to two seconds. A process that no longer answers its heartbeat,
 * or floods us with messages, is killed and replaced. The supervisor does not know what
 * they serve: see rollout.h.
 */
#ifndef WLBPROXY_MASTER_SUPERVISOR_H
#define WLBPROXY_MASTER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <uv.h>

#include "proxy/ipc/channel.h"
#include "proxy/master/program.h"

enum { SUPERVISOR_SLOTS_MAX = 256, CRYPTO_TEXT_MAX = 192 };

struct child_log;
struct supervisor;

/* One process; the fields below the line belong to rollout. */
struct child {
    struct supervisor *supervisor;
    unsigned slot;
    pid_t pid; /* 0: it has ended */
    uv_poll_t poll;
    int channel;
    struct child_log *log;
    bool up; /* it has said hello, and not ended */
    bool ending; /* killed or drained: nothing more is sent to it */
    unsigned unanswered;
    int unasked; /* its messages since the last tick, less two for each of ours */
    unsigned untaken; /* heartbeats in a row for which its channel had no room */
    struct timespec used; /* CPU time at the last heartbeat */
    uint64_t started; /* ms, monotonic */
    char crypto[CRYPTO_TEXT_MAX], sandbox[CRYPTO_TEXT_MAX]; /* in its own words */
    uint64_t joined; /* ms, monotonic: when it last got a channel to the signer */
    /* generation ids; 0: none */
    uint32_t offered, ready, committing, serving, refused;
    uint32_t withdrawn; /* the last offer it was told to forget */
    uint64_t waiting_since; /* when it was asked for an answer that has not come */
};

struct supervisor_events {
    void (*started)(struct supervisor *s, struct child *child); /* send it its setup */
    void (*hello)(struct supervisor *s, struct child *child);
    void (*message)(struct supervisor *s, struct child *child, struct message *m);
    void (*gone)(struct supervisor *s, struct child *child); /* it is freed afterwards */
    void (*empty)(struct supervisor *s); /* draining, and the last one has ended */
};

struct slot {
    struct child *child; /* NULL: none now */
    unsigned young_deaths;
    unsigned restarts;
    uint64_t due; /* when to start the next one; 0: not planned */
};

struct supervisor {
    const struct supervisor_events *events;
    void *owner;
    uv_loop_t *loop;
    uv_timer_t tick;
    const struct program *program;
    enum supervised { SUPERVISED_WORKERS, SUPERVISED_SIGNER, SUPERVISED_ADMIN } kind;
    enum program_child child_program;
    struct slot slots[SUPERVISOR_SLOTS_MAX];
    unsigned count;
    bool draining;
};

/* Returns how many workers are started for the option `workers`: 0 is one for each
 * CPU. */
unsigned supervisor_slots(uint32_t workers);

/* Starts `count` of them. */
void supervisor_start(struct supervisor *s, unsigned count);
/* Starts more, if there are fewer than `count`. */
void supervisor_grow(struct supervisor *s, unsigned count);

/* Sends a message; a process whose channel has no room is killed. */
void supervisor_send(struct child *child, const struct message *m);
void supervisor_broadcast(struct supervisor *s, const struct message *m);
void supervisor_kill(struct child *child, const char *why);

/* No more replacements: sends MESSAGE_DRAIN or MESSAGE_STOP to all, then calls
 * empty(). */
void supervisor_end(struct supervisor *s, enum message_type how, uint32_t id);
void supervisor_kill_all(struct supervisor *s);

/* After SIGCHLD: looks for the processes that have ended. */
void supervisor_look_for_ended(struct supervisor *s);
bool supervisor_is_empty(const struct supervisor *s);

bool supervisor_has(const struct supervisor *s, pid_t pid);

/* Returns whether all slots have a worker that answers its heartbeat. */
bool supervisor_is_well(const struct supervisor *s);

#endif
