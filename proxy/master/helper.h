/*
 * helper.h - a question whose answer comes from the network: asked by a process that may
 * be root and have keys, answered by one that has neither.
 *
 * The helper is this program, executed anew under another name: nothing of our memory is
 * in it. It becomes the workers' user, may execute nothing and write no file, answers one
 * question and ends; at the deadline it is killed. What it says is data: bounded, and
 * judged as if an attacker had said it.
 */
#ifndef WLBPROXY_MASTER_HELPER_H
#define WLBPROXY_MASTER_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

struct error;
struct identity;

enum { HELPER_DEADLINE = 20 * 1000 /* ms */ };

/* endpoint_resolve(), by a helper if `text` has a name in it. Blocks for up to
 * `deadline_ms`; may be called on a thread. */
size_t helper_resolve(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err);

/* The helper's main(), for a program that was executed by its name. */
bool helper_is_meant(const char *argument0);
int helper_main(void);

#endif
