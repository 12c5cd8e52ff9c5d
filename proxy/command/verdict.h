/*
 * verdict.h - would XenServer's client accept what a service presents?
 */
#ifndef WLBPROXY_COMMAND_VERDICT_H
#define WLBPROXY_COMMAND_VERDICT_H

#include <stdbool.h>

#include <jansson.h>

struct plan;

/* For each service without sni (XenServer is served by no other) and each release:
 * {"service", "release", "accepted", "reason", "install"}, where "install" is the subject
 * of the certificate that must be in the pool, "" if it is not in the file. `address` is
 * the host part of the pool's WLB URL. A new reference. */
json_t *verdicts_for(const struct plan *plan, const char *address);

bool verdicts_are_good(const json_t *verdicts);
void verdicts_print(const json_t *verdicts, const char *address);

#endif
