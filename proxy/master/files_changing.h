/*
 * files_changing.h - are certificates and keys being replaced right now?
 *
 * The vendor's guide moves four files one after the other; a reload in between finds a
 * pair that does not match, or none. What was touched a moment ago is worth another look.
 */
#ifndef WLBPROXY_MASTER_FILES_CHANGING_H
#define WLBPROXY_MASTER_FILES_CHANGING_H

#include <stdbool.h>
#include <time.h>

/* A certificate or key of this configuration, or the folder one is missing from, has
 * changed within the last two seconds. */
bool files_are_changing(const char *config_path, bool optional, time_t now);

#endif
