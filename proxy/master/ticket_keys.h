/*
 * ticket_keys.h - the master's session ticket keys: made at random, rotated by time, kept
 * over reloads, worker crashes and upgrades, so that a resumption works whoever answers
 * it.
 *
 * keys[0] seals; it is replaced after `ticket_rotation`, and the ones before it still
 * open tickets for two more periods.
 */
#ifndef WLBPROXY_MASTER_TICKET_KEYS_H
#define WLBPROXY_MASTER_TICKET_KEYS_H

#include <stdbool.h>

#include "certstore/context.h"

struct error;

/* The first key. False if the kernel has no random bytes to give. */
bool tickets_make(struct ticket_keys *tickets, struct error *err);

/* A fresh first key; the oldest is forgotten. On failure all stays as it was. */
bool tickets_rotate(struct ticket_keys *tickets, struct error *err);

void tickets_wipe(struct ticket_keys *tickets);

#endif
