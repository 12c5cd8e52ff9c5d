/*
 * migrate_rules.h - the translation of each option of stunnel (private to config/).
 */
#ifndef WLBPROXY_CONFIG_MIGRATE_RULES_H
#define WLBPROXY_CONFIG_MIGRATE_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum { MIGRATED_MAX = 1100 };

enum migrate_fate {
    MIGRATE_TO, /* ours = converted value */
    MIGRATE_VERIFY, /* clients to admit: migrate_verify.c judges all such lines
                     * together */
    MIGRATE_TLS, /* protocol versions and security level: migrate_tls.c judges them
                  * together */
    MIGRATE_BY_PROTOCOL, /* tcp and http have different equivalents */
    MIGRATE_UNUSED, /* not needed here: no loss */
    MIGRATE_LOST, /* wlbproxy cannot do that; the service runs without it */
    MIGRATE_REFUSED, /* without it the service would be another one: it is left out */
};

struct migrate_rule {
    const char *stunnel;
    enum migrate_fate fate;
    const char *ours; /* MIGRATE_TO */
    /* False: nothing needs to be written for this value, or (`must_convert`) nothing can
     * be; the note tells why. */
    bool (*convert)(const char *value, char converted[MIGRATED_MAX]);
    const char *note;
    bool global; /* an option of the whole program, not of a service */
    bool must_convert; /* the service is left out if the value cannot be converted */
    bool secret; /* the value must not be shown */
    bool yields; /* another option of the scope that becomes the same one of ours takes
                  * precedence */
};

/* stunnel ignores letter case. NULL: not known. */
const struct migrate_rule *migrate_rule_find(const char *stunnel);

bool migrate_is_yes(const char *value);

/* A port by number or by its name in the services database; 0: neither. */
unsigned migrate_port(const char *text);

#endif
