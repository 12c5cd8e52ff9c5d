/*
 * migrate_rules.h - what becomes of each option of stunnel (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_RULES_H
#define WLBPROXY_CONFIG_MIGRATE_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum { MIGRATED_MAX = 1100 };

enum migrate_fate {
    MIGRATE_TO, /* ours = converted value */
    MIGRATE_VERIFY, /* which clients get in: migrate_verify.c judges all of them together
                     */
    MIGRATE_TLS, /* protocol versions and security level: migrate.c, all together */
    MIGRATE_BY_PROTOCOL, /* it becomes one thing for tcp, another one for http */
    MIGRATE_UNUSED, /* not needed here: no loss */
    MIGRATE_LOST, /* wlbproxy does not do that; the service runs without it */
    MIGRATE_REFUSED, /* without it the service would be another: it is left out */
};

struct migrate_rule {
    const char *stunnel;
    enum migrate_fate fate;
    const char *ours; /* MIGRATE_TO */
    /* False: this value says nothing that we would have to write, or nothing that we can
     * (`must_convert`); the note tells why. */
    bool (*convert)(const char *value, char converted[MIGRATED_MAX]);
    const char *note;
    bool global; /* an option of the whole program, not of a service */
    bool must_convert; /* the service is left out if the value cannot be converted */
    bool secret; /* the value must not be shown */
    bool yields; /* to another option of the scope that becomes the same of ours */
};

/* Letter case is no matter to stunnel. NULL: not known. */
const struct migrate_rule *migrate_rule_find(const char *stunnel);

bool migrate_is_yes(const char *value);

/* A port by number or by its name in the services database; 0: neither. */
unsigned migrate_port(const char *text);

#endif
