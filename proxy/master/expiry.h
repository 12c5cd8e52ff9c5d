/*
 * expiry.h - warns before a served certificate ends: at 30, 14, 7 and 1 days, and daily
 * from then on. For every certificate of every chain, and for the CAs and revocation
 * lists of clients: each that ends is an outage.
 */
#ifndef WLBPROXY_MASTER_EXPIRY_H
#define WLBPROXY_MASTER_EXPIRY_H

#include <time.h>

#include <uv.h>

struct plan;

/* Pure. The threshold that something valid from `from` to `to` is on: 0 more than 30 days
 * left, then 1, 2, 3, 4 for 30, 14, 7 and 1 days, but only where that is no more than
 * half of its life (a revocation list of a week begins at 1 day); 4 + n when it ended n -
 * 1 whole days ago. It is time to warn whenever this has grown. */
long expiry_threshold(time_t from, time_t to, time_t now);

struct expiry {
    uv_timer_t timer;
    const struct plan *plan; /* borrowed: the current one */
    time_t looked; /* when last; 0: not yet for this plan */
};

void expiry_init(struct expiry *expiry, uv_loop_t *loop);

/* Looks now and every hour. */
void expiry_watch(struct expiry *expiry, const struct plan *plan);

#endif
