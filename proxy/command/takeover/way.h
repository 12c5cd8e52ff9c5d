/*
 * way.h - the way in which wlbproxy is started and stopped on this machine: as a unit of
 * systemd where there is one, by its rc file, or else in the background, as stunnel was.
 */
#ifndef WLBPROXY_COMMAND_TAKEOVER_WAY_H
#define WLBPROXY_COMMAND_TAKEOVER_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum way { WAY_UNIT, WAY_RC, WAY_BACKGROUND, WAYS };

const char *way_name(enum way way);
bool way_by_name(const char *name, enum way *way);

/* A unit or an rc file serves one configuration: the default one, unless the unit names
 * another. */
enum way way_find(const char *config);

/* Lines for a shell; the caller frees. NULL: there is nothing to do. */
char *way_start(enum way way, const char *config);
char *way_enable(enum way way);
char *way_disable(enum way way);
/* Of what runs now. With `hurry` it is told a second time, and closes connections. */
char *way_stop(
    enum way way, const char *config, const unsigned *ports, size_t count, bool hurry);

/* In the background: what it said when it could not start, and the files of that. The
 * caller frees; NULL: nothing. */
char *way_complaint(enum way way, const char *config);
void way_tidy(enum way way, const char *config);

/* In the background: it has ended by itself. */
bool way_has_ended(enum way way, const char *config);

#endif
