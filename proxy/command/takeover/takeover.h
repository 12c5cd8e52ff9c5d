/*
 * takeover.h - wlbproxy in stunnel's place, in one command, and back.
 *
 * Before anything is changed it is recorded what was so (takeover_record.h). Whatever
 * fails or interrupts it, by the same call or by the next one, stunnel runs again as it
 * did, and the configuration is what it was.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_TAKEOVER_H
#define WLBPROXY_COMMAND_TAKEOVER_TAKEOVER_H

#include <stdbool.h>

struct takeover_flags {
    const char *stunnel_config; /* NULL for undo: what was recorded */
    const char *config; /* wlbproxy's; NULL: the default */
    bool yes, dry_run, undo;
};

/* Returns the exit status. */
int takeover(const struct takeover_flags *flags);

#endif
