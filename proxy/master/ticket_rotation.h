/*
 * ticket_rotation.h - replaces the keys of session tickets: by time, on command, and when
 * another certificate is served, or, with `ticket_keys`, when that file changes; and
 * sends them to the workers.
 *
 * Keys end by the clock of the machine, which can be set, and goes on while the machine
 * is suspended. Once a minute keys of our own are brought into line with it.
 */
#ifndef WLBPROXY_MASTER_TICKET_ROTATION_H
#define WLBPROXY_MASTER_TICKET_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "certstore/context.h"
#include "certstore/install/ticket_file.h"
#include "proxy/master/shared_tickets.h"

struct child;
struct error;
struct plan;
struct supervisor;
struct task_queue;

struct ticket_rotation {
    struct ticket_keys keys; /* secret */
    uint64_t began; /* ms, by the loop's clock: age of the newest; 0: inherited, or
                     * none */
    uint64_t due; /* ms, by the loop's clock: our own newest key is replaced then */
    struct ticket_file file; /* secret; rotated 0: the keys in force are our own */
    struct shared_tickets shared;
    struct supervisor *workers;
    uv_timer_t timer;
    uint64_t interval; /* ms: how long a key seals */
    char *certificates; /* of the served plan; NULL: none yet */
};

void ticket_rotation_init(struct ticket_rotation *rotation, uv_loop_t *loop,
    struct task_queue *tasks, struct supervisor *workers);

/* For the first plan. Inherited keys are kept. A file that cannot be used is logged, and
 * keys of our own seal until it can. False and err: there are none, and none can be made.
 */
bool ticket_rotation_begin(
    struct ticket_rotation *rotation, const struct plan *plan, struct error *err);

/* This plan is served now. */
void ticket_rotation_update(struct ticket_rotation *rotation, const struct plan *plan);

/* A new key seals from now on. `reason` is for the log. */
bool ticket_rotation_now(
    struct ticket_rotation *rotation, const char *reason, struct error *err);

/* Of the newest key, in seconds; false: a successor does not know how old inherited keys
 * are. */
bool ticket_rotation_age(const struct ticket_rotation *rotation, uint64_t *age);

/* Sends the keys to a worker; NULL: to all. */
void ticket_rotation_send(struct ticket_rotation *rotation, struct child *child);

/* Reads the file again, as also happens whenever it has changed. */
void ticket_rotation_look(struct ticket_rotation *rotation);

/* Ends rotation by time, and reading. */
void ticket_rotation_stop(struct ticket_rotation *rotation);

/* Wipes the keys. The loop closes the timer. */
void ticket_rotation_destroy(struct ticket_rotation *rotation);

#endif
