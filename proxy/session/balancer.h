/*
 * balancer.h - chooses which of a service's backends serves the next request, and knows
 * the health of each.
 *
 *              failed                  retry_after is over
 *      UP ---------------> DOWN -----------------------------> PROBING or TRIAL
 *       ^                   ^                                          |
 *       '-------------------+---- the probe or the trial decides ------'
 *
 * A backend that could not be connected is PROBING while one connection of our own tries
 * it. A backend that gave no reply, or one that is not HTTP, is on TRIAL while one
 * request tries it. All other requests go to the other backends meanwhile. The results of
 * health checks and an administrator's word are kept beside that: backend_condition.h.
 *
 * Pure bookkeeping: it opens and closes nothing, logs nothing, and the time is passed in.
 */
#ifndef WLBPROXY_SESSION_BALANCER_H
#define WLBPROXY_SESSION_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/endpoint.h"
#include "config/settings.h"
#include "proxy/session/backend_condition.h"

enum { BALANCER_BACKENDS_MAX = 64 };

enum backend_health { HEALTH_UP, HEALTH_DOWN, HEALTH_PROBING, HEALTH_TRIAL };

/* The reason why a backend is not UP; it decides how it is tried again. */
enum backend_fault { FAULT_NOT_CONNECTED, FAULT_NO_REPLY };

/* One address of a service's backends. A connection to it holds a reference, so that it
 * outlives a change of addresses. */
struct backend_address {
    int refs;
    struct endpoint endpoint;
    uint32_t connect; /* the `connect` line of the service that it comes from */
    uint32_t weight; /* its share, 1 or more */
    bool backup; /* serves while no other backend is UP */
    unsigned active; /* connections that serve a request, or are made for one */
    int64_t current_weight; /* of the smooth weighted round robin */
    uint64_t hash;
    enum backend_health health;
    enum backend_fault fault;
    uint64_t retry_at; /* ms, while DOWN */
    struct backend_condition *condition; /* one reference */
};

void backend_address_ref(struct backend_address *address);
void backend_address_unref(struct backend_address *address); /* NULL is fine */

/* Puts another reference, or NULL, in place of the one in *slot. */
void backend_address_keep(struct backend_address **slot, struct backend_address *address);

/* As written in a log; NULL for NULL. */
const char *backend_address_text(const struct backend_address *address);

struct balancer;

/* `slow_start`: ms until a backend that is back gets its whole share. */
struct balancer *balancer_new(enum balance balance, uint64_t slow_start);
void balancer_free(struct balancer *balancer);

struct balancer_line {
    uint32_t connect; /* its number */
    uint32_t weight;
    bool backup;
};

/* Replaces the addresses of one `connect` line. Addresses that stay keep their health.
 * False: there are more than BALANCER_BACKENDS_MAX in all; the last ones are left out. */
bool balancer_set_addresses(struct balancer *balancer, const struct balancer_line *line,
    const struct endpoint *list, size_t count);

/* Takes over the health of the addresses that `from` has, too, and shares their condition
 * with it. */
void balancer_inherit(struct balancer *balancer, const struct balancer *from);

size_t balancer_count(const struct balancer *balancer);
struct backend_address *balancer_at(const struct balancer *balancer, size_t index);

/* The backends that one request has tried; begins as zeroes. */
struct balancer_tried {
    uint64_t backends; /* a bit for each */
    uint32_t version; /* version of the address list that the bits refer to */
};

/* Returns the next backend to try: by `balance` among those that are UP or due for a
 * trial, backups after all others; then, as a last resort, the rest in the order written.
 * Never one whose condition is closed. `source` identifies the client, and is equal for
 * equal addresses. Counts it as tried. NULL: none is left. *trial: this request decides
 * whether the backend is UP again, and has to end with balancer_replied(),
 * balancer_failed() or balancer_trial_ended(). */
struct backend_address *balancer_choose(struct balancer *balancer,
    struct balancer_tried *tried, uint64_t source, uint64_t now, bool *trial);

/* Returns whether there is a backend that is up and was not tried. */
bool balancer_has_choice(
    const struct balancer *balancer, const struct balancer_tried *tried);

/* Returns a backend to probe now, and makes it PROBING; NULL: none. */
struct backend_address *balancer_next_probe(struct balancer *balancer, uint64_t now);

/* The result of a connection. True: it became UP or ceased to be UP, which is worth a log
 * line. */
bool balancer_failed(struct backend_address *address, enum backend_fault fault,
    const char *detail, uint64_t retry_after, uint64_t now);
bool balancer_connected(struct backend_address *address, uint64_t now);
bool balancer_replied(struct backend_address *address, uint64_t now);

/* A trial without a result, because its client went away: the next one may begin. */
void balancer_trial_ended(struct backend_address *address, uint64_t now);

/* Returns whether it gets requests: UP, and its condition is open. */
bool balancer_is_up(const struct backend_address *address);
bool balancer_all_down(const struct balancer *balancer);

#endif
