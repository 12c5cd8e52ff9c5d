/*
 * ticket_keys.h - the master's session ticket keys: made at random, rotated by time, kept
 * over reloads, worker crashes and upgrades, so that any worker can resume a session.
 *
 * keys[0] seals. It is replaced after `ticket_rotation`, by `wlbproxy tickets rotate`,
 * and when a reload changes a certificate. An earlier key opens tickets for the lifetime
 * of a session.
 */
#ifndef WLBPROXY_MASTER_TICKET_KEYS_H
#define WLBPROXY_MASTER_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "certstore/context.h"

struct error;

/* Sets how long sessions last, for keys made from now on; call it before the first. */
void tickets_set_lifetime(struct ticket_keys *tickets, uint64_t ms);

/* Makes a new first key, to seal for `rotation` ms and to open for a lifetime more. The
 * one before it opens for a lifetime from now; ended keys are dropped. False, and nothing
 * changes, if the kernel has no random bytes. */
bool tickets_rotate(struct ticket_keys *tickets, uint64_t rotation, struct error *err);

/* Shortens what ends later than a clock that was set back, or shorter settings, allow:
 * the first key seals for `rotation` ms from now at most, and each opens for a lifetime
 * after it has sealed. Returns whether any was shortened. */
bool tickets_shorten(struct ticket_keys *tickets, uint64_t rotation);

/* The ms, by the clock of the machine, for which the first key shall seal yet. */
uint64_t tickets_seal_for(const struct ticket_keys *tickets);

void tickets_wipe(struct ticket_keys *tickets);

#endif
