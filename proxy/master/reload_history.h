/*
 * reload_history.h - the results of reloads: counts, and the last ones.
 */
#ifndef WLBPROXY_MASTER_RELOAD_HISTORY_H
#define WLBPROXY_MASTER_RELOAD_HISTORY_H

#include <stdint.h>
#include <time.h>

#include <jansson.h>

#include "proxy/base/error.h"

enum { RELOAD_HISTORY_MAX = 8 };

enum reload_outcome { RELOAD_APPLIED, RELOAD_UNCHANGED, RELOAD_REFUSED, RELOAD_OUTCOMES };

struct reload_history {
    uint64_t counts[RELOAD_OUTCOMES];
    struct reload_history_entry {
        time_t when;
        enum reload_outcome outcome;
        uint32_t generation; /* served afterwards */
        struct error refusal;
    } entries[RELOAD_HISTORY_MAX]; /* the last ones, in a ring */
    uint64_t total;
};

/* `refusal` NULL: it was not refused. */
void reload_history_add(struct reload_history *history, enum reload_outcome outcome,
    uint32_t generation, const struct error *refusal);

/* {"applied": n, ...} */
json_t *reload_history_counts(const struct reload_history *history);
/* The newest first. */
json_t *reload_history_json(const struct reload_history *history);

#endif
