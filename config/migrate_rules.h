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
    MIGRATE_UNUSED, /* not needed here: no loss */
    MIGRATE_LOST, /* wlbproxy does not do that */
};

struct migrate_rule {
    const char *stunnel;
    enum migrate_fate fate;
    const char *ours; /* MIGRATE_TO */
    /* False: this value says nothing that we would have to write (note tells why). */
    bool (*convert)(const char *value, char converted[MIGRATED_MAX]);
    const char *note;
    bool secret; /* the value must not be shown */
    bool yields; /* to another option of the scope that becomes the same of ours */
};

/* Letter case is no matter to stunnel. NULL: not known. */
const struct migrate_rule *migrate_rule_find(const char *stunnel);

bool migrate_is_yes(const char *value);

#endif
