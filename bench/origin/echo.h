/*
 * echo.h - a request as it came in, as JSON: method, target, fields in their order,
 * length and SHA-256 of the body.
 */
#ifndef WLBPROXY_BENCH_ORIGIN_ECHO_H
#define WLBPROXY_BENCH_ORIGIN_ECHO_H

#include "bench/origin/request.h"

struct echo;

struct echo *echo_new(const struct request *request);
void echo_body(struct echo *echo, struct slice content);

/* Returns the JSON text (the caller's to free), and frees the echo. */
char *echo_finish(struct echo *echo);
void echo_free(struct echo *echo);

#endif
