/*
 * access_rules.h - the rules of a service: addresses (`allow`, `deny`), and requests by
 * path and method (`paths`); and which proxies it trusts (`trusted`). Pure, made once
 * from the settings.
 */
#ifndef WLBPROXY_SESSION_ACCESS_RULES_H
#define WLBPROXY_SESSION_ACCESS_RULES_H

#include <netinet/in.h>
#include <stdbool.h>

#include "config/settings.h"
#include "proxy/http/head.h"

struct access_rules;

/* Borrows the settings' text. */
struct access_rules *access_rules_new(const struct service_settings *settings);
void access_rules_free(struct access_rules *rules);

/* Returns whether two services admit the same clients and requests: by certificate,
 * address, path and failed logins. */
bool access_rules_are_equal(
    const struct service_settings *a, const struct service_settings *b);

/* `deny` wins over `allow`; without either everybody is admitted. IPv4 as ::ffff:a.b.c.d.
 * A peer without an address (::) is the master, which tests the service. */
bool access_rules_admit(const struct access_rules *rules, const struct in6_addr *address);

enum { ACCESS_RULE_MAX = 80 };
/* Names what keeps such an address out, as the configuration has it: "deny = 10.0.0.0/8";
 * "allow", where no line of allow lets it in. */
void access_rules_name(const struct access_rules *rules, const struct in6_addr *address,
    char rule[ACCESS_RULE_MAX]);

/* Returns whether it is one of the proxies in front (`trusted`). */
bool access_rules_trust(const struct access_rules *rules, const struct in6_addr *address);

enum path_verdict { PATH_PASSED, PATH_UNKNOWN, PATH_METHOD_NOT_ALLOWED };

/* A prefix ends at a '/', the query or the target's end. A path that two readers may take
 * for different ones (dot segments, escaped slashes, dots and percent signs, backslashes)
 * is unknown. HEAD is allowed where GET is. */
enum path_verdict access_rules_judge(
    const struct access_rules *rules, struct span method, struct span target);

/* For a 405: the methods that the first matching rule allows, "Allow: GET, POST\r\n". */
const char *access_rules_allowed(const struct access_rules *rules, struct span target);

#endif
