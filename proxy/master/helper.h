/*
 * helper.h - asks questions whose answers come from the network. The asking process may
 * be root and have keys; the helper process has neither.
 *
 * The helper is this program, executed anew under another name, so that it has nothing of
 * our memory. It becomes the workers' user, may execute nothing and write no file,
 * answers one question and ends; at the deadline it is killed. Its answer is only data:
 * it is bounded, and checked as if an attacker had sent it.
 */
#ifndef WLBPROXY_MASTER_HELPER_H
#define WLBPROXY_MASTER_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "config/endpoint.h"

struct error;
struct identity;

enum { HELPER_DEADLINE = 20 * 1000 /* ms */ };

/* endpoint_resolve(), by a helper if `text` contains a name. Blocks for up to
 * `deadline_ms`; may be called on a thread. */
size_t helper_resolve(const struct identity *identity, const char *text,
    enum endpoint_use use, struct endpoint *list, size_t max, int deadline_ms,
    struct error *err);

/* Returns whether the program was executed under the helper's name; helper_main() is its
 * main(). */
bool helper_is_meant(const char *argument0);
int helper_main(void);

#endif
