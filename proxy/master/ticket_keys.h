/*
 * ticket_keys.h - the master's session ticket keys: made at random, rotated by time, kept
 * over reloads, worker crashes and upgrades, so that a resumption works whoever answers
 * it.
 *
 * keys[0] seals; it is replaced after `ticket_rotation`, by `wlbproxy tickets rotate`,
 * and when a reload changes a certificate. A key before it opens tickets as long as a
 * session lasts.
 */
#ifndef WLBPROXY_MASTER_TICKET_KEYS_H
#define WLBPROXY_MASTER_TICKET_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "certstore/context.h"

struct error;

/* How long sessions last, for keys made from now on; to be set before the first. */
void tickets_set_lifetime(struct ticket_keys *tickets, uint64_t ms);

/* A fresh first key, made to seal for `rotation` ms and to open for a lifetime more. The
 * one before it opens for a lifetime from now; those that have ended are forgotten.
 * False, and all stays as it was, if the kernel has no random bytes to give. */
bool tickets_rotate(struct ticket_keys *tickets, uint64_t rotation, struct error *err);

void tickets_wipe(struct ticket_keys *tickets);

#endif
