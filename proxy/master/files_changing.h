/*
 * files_changing.h - finds out whether certificates and keys are being replaced right
 * now.
 *
 * The vendor's guide moves four files one after the other; a reload in between finds a
 * pair that does not match, or none. After a recent change it is worth looking again.
 */
#ifndef WLBPROXY_MASTER_FILES_CHANGING_H
#define WLBPROXY_MASTER_FILES_CHANGING_H

#include <stdbool.h>
#include <time.h>

/* Returns whether a certificate or key of this configuration, or the folder of a missing
 * one, has changed within the last two seconds. */
bool files_are_changing(const char *config_path, bool optional, time_t now);

#endif
