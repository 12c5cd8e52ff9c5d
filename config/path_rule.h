/*
 * path_rule.h - a rule for requests that a service forwards: "/Service", or "GET,POST
 * /Service".
 */
#ifndef WLBPROXY_CONFIG_PATH_RULE_H
#define WLBPROXY_CONFIG_PATH_RULE_H

#include <stdbool.h>
#include <stddef.h>

struct error;

/* Both point into the text. */
struct path_rule {
    const char *methods; /* up to `methods_len`, with commas in between; 0: all */
    size_t methods_len;
    const char *prefix; /* up to the text's end */
};

bool path_rule_parse(const char *text, struct path_rule *rule, struct error *err);

#endif
