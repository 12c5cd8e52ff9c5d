/*
 * way_back.h - stunnel in its place again: after a step that failed, after a call that
 * was interrupted, and on demand. All of it is told on stdout and stderr.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_WAY_BACK_H
#define WLBPROXY_COMMAND_TAKEOVER_WAY_BACK_H

#include <stdbool.h>

struct change;

/* They return the exit status. `why` says what failed, and at which step. */
int way_back_after(struct change *change, const char *why);

/* Of what an earlier call has recorded and not ended. */
int way_back_recover(
    struct change *change, const char *step_name, bool yes, bool dry_run);

/* Of what was done whole. */
int way_back_undo(struct change *change, bool yes, bool dry_run);

#endif
