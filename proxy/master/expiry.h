/*
 * expiry.h - warns before a served certificate expires: at 30, 14, 7 and 1 days, and
 * daily from then on. It covers every certificate of every chain, and the CAs and
 * revocation lists for clients, because the expiry of each is an outage.
 */
#ifndef WLBPROXY_MASTER_EXPIRY_H
#define WLBPROXY_MASTER_EXPIRY_H

#include <time.h>

#include <uv.h>

struct plan;

/* Pure. Returns the threshold reached by something valid from `from` to `to`: 0 more than
 * 30 days left, then 1, 2, 3, 4 for 30, 14, 7 and 1 days, but only those of at most half
 * of its life (a revocation list of a week begins at 1 day); 4 + n when it expired n - 1
 * whole days ago. Warn whenever this has grown. */
long expiry_threshold(time_t from, time_t to, time_t now);

struct expiry {
    uv_timer_t timer;
    const struct plan *plan; /* borrowed: the current one */
    time_t looked; /* the time of the last look; 0: none yet for this plan */
};

void expiry_init(struct expiry *expiry, uv_loop_t *loop);

/* Looks now and every hour. */
void expiry_watch(struct expiry *expiry, const struct plan *plan);

#endif
