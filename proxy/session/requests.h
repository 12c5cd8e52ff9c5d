/*
 * requests.h - a client's bytes to requests, one at a time: what comes ahead of its turn
 * waits unparsed, bounded.
 */
#ifndef WLBPROXY_SESSION_REQUESTS_H
#define WLBPROXY_SESSION_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

struct client;

void requests_data(struct client *c, const char *bytes, size_t len);

/* The turn of what waited. */
void requests_resume(struct client *c);

/* Nothing waits: gives back what an idle client does not need. */
void requests_rest(struct client *c);

/* So much waits that reading should pause. */
bool requests_too_far_ahead(const struct client *c);

/* Answers what the parser refused. */
void requests_refuse(struct client *c);

#endif
